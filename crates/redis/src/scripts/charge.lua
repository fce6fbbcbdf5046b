-- Charges one handshake (GCRA).
--
-- KEYS: when all would be there again (string, in µs). ARGV: interval and burst in µs.
-- Returns: 0, or how long to wait in µs.
--
-- What is stored lies at most a burst ahead: a clock that was set back refuses for that long and not longer.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = tonumber(redis.call('GET', KEYS[1]) or now)
full = math.min(math.max(full, now), now + burst)
local after = full + interval
local wait = after - burst - now
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 1)
return 0
