-- Those that must close were told again: not before a while once more.
--
-- KEYS: those that must close. ARGV: after how many ms, then permits.
local time = redis.call('TIME')
local again = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1])
for at = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', again, ARGV[at]) end
return #ARGV - 1
