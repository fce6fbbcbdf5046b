-- Renews the lease of a node, and says who lives and how old the data is.
--
-- KEYS: the leases (zset: incarnation by end of lease), facts (hash), marks (zset).
-- ARGV: incarnation or 0 for a new one, lease in ms, a nonce to propose, the nonce that is known, the node's marks:
--   1 if it drains, and 2 if it has not yet said all that it holds.
-- Returns: incarnation (0: it is over), the last one that was given out, the nonce, who lives, age of the data in ms,
--   how many of those who live drain, and how many others have not said all.
--
-- Leases stand still while nobody beats, and follow the server's clock when that is set. So a server that stood still, or
-- whose clock was set, ends nobody's lease before its node had a chance to renew it.
local function text(number) return string.format('%.0f', number) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local incarnation, lease = tonumber(ARGV[1]), tonumber(ARGV[2])

if redis.call('HSETNX', KEYS[2], 'boot', ARGV[3]) == 1 then
  redis.call('HSET', KEYS[2], 'since', text(now))
end
local boot = redis.call('HGET', KEYS[2], 'boot')
local since = tonumber(redis.call('HGET', KEYS[2], 'since') or now)
local last = tonumber(redis.call('HGET', KEYS[2], 'last') or 0)

local gap = now - tonumber(redis.call('HGET', KEYS[2], 'seen') or now)
if gap < 0 or gap > lease / 2 then
  for _, other in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    redis.call('ZINCRBY', KEYS[1], text(gap), other)
  end
  if gap < 0 then
    since = since + gap
    redis.call('HSET', KEYS[2], 'since', text(since))
  end
end
redis.call('HSET', KEYS[2], 'seen', text(now))

if incarnation == 0 then
  incarnation = math.max(now, last + 1)
  last = incarnation
  redis.call('HSET', KEYS[2], 'last', text(last))
elseif boot ~= ARGV[4] or not redis.call('ZSCORE', KEYS[1], text(incarnation)) then
  incarnation = 0
end
if incarnation ~= 0 then
  redis.call('ZADD', KEYS[1], text(now + lease), text(incarnation))
  if tonumber(ARGV[5]) > 0 then
    redis.call('ZADD', KEYS[3], ARGV[5], text(incarnation))
  else
    redis.call('ZREM', KEYS[3], text(incarnation))
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now))
local draining, saying = 0, 0
local marked = redis.call('ZRANGE', KEYS[3], 0, -1, 'WITHSCORES')
for at = 1, #marked, 2 do
  local other, marks = marked[at], tonumber(marked[at + 1])
  if not redis.call('ZSCORE', KEYS[1], other) then
    redis.call('ZREM', KEYS[3], other)
  else
    if marks % 2 == 1 then draining = draining + 1 end
    if marks >= 2 and other ~= text(incarnation) then saying = saying + 1 end
  end
end
return {incarnation, last, boot, redis.call('ZRANGE', KEYS[1], 0, -1), math.max(0, now - since), draining, saying}
