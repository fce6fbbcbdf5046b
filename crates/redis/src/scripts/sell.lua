-- Gives back cells of a quota that were bought and not spent.
--
-- KEYS: when all would be there again (string, in µs). ARGV: interval in µs, how many.
local full = redis.call('GET', KEYS[1])
if not full then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
full = math.ceil(tonumber(full) - tonumber(ARGV[1]) * tonumber(ARGV[2]))
if full > now then
  redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
else
  redis.call('PEXPIRE', KEYS[1], 0)
end
return 0
