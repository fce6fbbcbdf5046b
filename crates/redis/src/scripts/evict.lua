-- Beyond the limit, the oldest make room.
--
-- KEYS: the permits of a key, those that must close.
-- ARGV: limit, life of the keys in ms, after how many ms those that must close are told again, then incarnations that are
--   over.
-- Returns: the permits whose connections must close.
if #ARGV > 3 then
  local over = {}
  for at = 4, #ARGV do over[ARGV[at]] = true end
  for key = 1, 2 do
    for _, member in ipairs(redis.call('ZRANGE', KEYS[key], 0, -1)) do
      if over[string.match(member, '^[^:]+')] then redis.call('ZREM', KEYS[key], member) end
    end
  end
end
local time = redis.call('TIME')
local again = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3])
local told, beyond = {}, redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[1])
if beyond > 0 then
  local oldest = redis.call('ZPOPMIN', KEYS[1], beyond)
  for at = 1, #oldest, 2 do
    redis.call('ZADD', KEYS[2], again, oldest[at])
    told[#told + 1] = oldest[at]
  end
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return told
