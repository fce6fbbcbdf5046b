-- Changes how many places of a large pool a node has.
--
-- KEYS: the allotments of a pool (hash: places by incarnation).
-- ARGV: incarnation, by how many (or "=" and how many there are), limit, life of the key in ms, then incarnations that are
--   over.
-- Returns: by how many it was changed; if there is no place, who has them all. What is not a number is no allotment.
for at = 5, #ARGV do redis.call('HDEL', KEYS[1], ARGV[at]) end
local function text(number) return string.format('%.0f', number) end
if string.sub(ARGV[2], 1, 1) == '=' then
  local places = tonumber(string.sub(ARGV[2], 2))
  if places > 0 then
    redis.call('HSET', KEYS[1], ARGV[1], text(places))
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
  else
    redis.call('HDEL', KEYS[1], ARGV[1])
  end
  return {'0', {}}
end
local by = tonumber(ARGV[2])
if by > 0 then
  local sum = 0
  for _, places in ipairs(redis.call('HVALS', KEYS[1])) do sum = sum + (tonumber(places) or 0) end
  by = math.max(0, math.min(by, tonumber(ARGV[3]) - sum))
end
if by == 0 then
  return {'0', redis.call('HKEYS', KEYS[1])}
end
if redis.call('HINCRBY', KEYS[1], ARGV[1], text(by)) <= 0 then redis.call('HDEL', KEYS[1], ARGV[1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {text(by), {}}
