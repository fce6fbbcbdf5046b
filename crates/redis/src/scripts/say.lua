-- Says which permits of a key a node holds, whether there is room or not. What the store has of this node beyond them,
-- and is older than any that is being taken, is removed: a permit that leaked comes back here.
--
-- KEYS: the permits of a key, those that must close (zset: by when they are told again).
-- ARGV: incarnation, life of the keys in ms, permits from this one on are not judged, limit or 0 if the oldest does not
--   make room, then a permit and its time in turn: "s" and the time that the store gave it, or "a" and its age in ms.
-- Returns: the time of each permit ("" if it must close), who holds permits if there are too many, who is to be told to
--   close again.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local prefix, horizon, most = ARGV[1] .. ':', tonumber(ARGV[3]), tonumber(ARGV[4])
if horizon > 0 then
  local said = {}
  for at = 5, #ARGV, 2 do said[prefix .. ARGV[at]] = true end
  for key = 1, 2 do
    for _, member in ipairs(redis.call('ZRANGE', KEYS[key], 0, -1)) do
      if string.sub(member, 1, #prefix) == prefix and not said[member]
        and tonumber(string.sub(member, #prefix + 1)) < horizon then
        redis.call('ZREM', KEYS[key], member)
      end
    end
  end
end
local times = {}
for at = 5, #ARGV, 2 do
  local member, what = prefix .. ARGV[at], ARGV[at + 1]
  if redis.call('ZSCORE', KEYS[2], member) then
    times[#times + 1] = ''
  else
    local number = tonumber(string.sub(what, 2))
    if what == 'a0' then
      -- Of two that come within a millisecond, the second is the newer one.
      local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
      number = math.max(now, tonumber(newest or 0) + 1)
    elseif string.sub(what, 1, 1) == 'a' then
      number = now - number
    end
    redis.call('ZADD', KEYS[1], 'NX', string.format('%.0f', number), member)
    times[#times + 1] = redis.call('ZSCORE', KEYS[1], member)
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local holders, known = {}, {}
if most > 0 and redis.call('ZCARD', KEYS[1]) > most then
  for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local incarnation = string.match(member, '^[^:]+') or ''
    if not known[incarnation] then
      known[incarnation] = true
      holders[#holders + 1] = incarnation
    end
  end
end
local late = redis.call('ZRANGE', KEYS[2], '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, 8)
return {times, holders, late}
