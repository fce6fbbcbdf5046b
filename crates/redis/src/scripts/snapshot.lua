-- Some of what is revoked, from what is remembered longest on.
--
-- KEYS: what is revoked, which tokens of it. ARGV: ranks, from and to.
-- Returns: how many there are of these, and of each that is not forgotten its name, which tokens ("": all), and for how many
--   ms it is remembered.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'REV', 'WITHSCORES')
local revoked = {}
for at = 1, #found, 2 do
  local left = tonumber(found[at + 1]) - now
  if left > 0 then
    local issued = redis.call('HGET', KEYS[2], found[at]) or ''
    revoked[#revoked + 1] = {found[at], issued, string.format('%.0f', left)}
  end
end
return {#found / 2, revoked}
