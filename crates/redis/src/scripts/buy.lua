-- Buys cells of a quota (GCRA).
--
-- KEYS: when all would be there again (string, in µs).
-- ARGV: interval in µs, burst, how many at most, how many at least.
-- Returns: how many; if none, how long until the least would be there; how long until all would be. Times in µs.
--
-- What is stored lies at most a burst ahead: a clock that was set back refuses for that long and not longer.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, least = tonumber(ARGV[1]), tonumber(ARGV[4])
local burst = interval * tonumber(ARGV[2])
local full = tonumber(redis.call('GET', KEYS[1]) or now)
full = math.min(math.max(full, now), now + burst)
local cells = math.min(tonumber(ARGV[3]), math.floor((now + burst - full) / interval))
if cells < least then
  return {0, math.ceil(full + least * interval - burst - now), math.ceil(full - now)}
end
full = math.ceil(full + cells * interval)
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
return {cells, 0, full - now}
