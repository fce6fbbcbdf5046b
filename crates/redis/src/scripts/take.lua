-- Takes a permit of a key, if there is one.
--
-- KEYS: the permits of a key (zset: "incarnation:permit" by time of entry).
-- ARGV: the permit, limit, life of the key in ms, then incarnations that are over.
-- Returns: the permit's time, or "" and the incarnations that hold the permits.
if #ARGV > 3 then
  local over = {}
  for at = 4, #ARGV do over[ARGV[at]] = true end
  for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if over[string.match(member, '^[^:]+')] then redis.call('ZREM', KEYS[1], member) end
  end
end
local held = redis.call('ZSCORE', KEYS[1], ARGV[1])
if held then return {held, {}} end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  local holders, known = {}, {}
  for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local incarnation = string.match(member, '^[^:]+') or ''
    if not known[incarnation] then
      known[incarnation] = true
      holders[#holders + 1] = incarnation
    end
  end
  return {'', holders}
end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {now, {}}
