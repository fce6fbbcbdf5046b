-- What the stream has, which data it belongs to, and who has not yet put back what that data lacks.
--
-- KEYS: the stream, facts of the data (hash), the nodes that put something back (zset: by until when they are believed).
-- ARGV: the node, the data that it knows ("" if none), a nonce to propose, 1 if it has not yet put back all that it has, for
--   how many ms it is believed.
-- Returns: the id of the first entry ("" if there is none), the last id that was given out, how many entries there are, the
--   time in ms, the nonce of the data, its age in ms, how many others put something back.
--
-- Nothing is written unless something has changed: a primary that is cut off refuses writes, and can be read until it has a
-- successor.
local function text(number) return string.format('%.0f', number) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local boot = redis.call('HGET', KEYS[2], 'boot')
local since = tonumber(redis.call('HGET', KEYS[2], 'since') or now)
if not boot or since > now then
  -- The first that looks, or a clock that was set back: without this, the data would stay young for as long as it was set
  -- back by.
  boot, since = boot or ARGV[3], now
  redis.call('HSET', KEYS[2], 'boot', boot, 'since', text(now))
end

-- In the same step in which a node is told that this data is another one, all others are told to wait for it. If it said so
-- with a request of its own, they could look in between.
local is_lost = ARGV[2] ~= '' and ARGV[2] ~= boot
local others = 0
if is_lost or ARGV[4] == '1' then
  redis.call('ZADD', KEYS[3], text(now + ARGV[5]), ARGV[1])
  redis.call('PEXPIRE', KEYS[3], ARGV[5])
end
if redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', text(now))
  if not is_lost and ARGV[4] ~= '1' then redis.call('ZREM', KEYS[3], ARGV[1]) end
  others = redis.call('ZCARD', KEYS[3])
  if redis.call('ZSCORE', KEYS[3], ARGV[1]) then others = others - 1 end
end

local first, last, entries = '', '0-0', 0
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if info.err then
  if redis.call('EXISTS', KEYS[1]) == 1 then return info end
else
  for at = 1, #info, 2 do
    if info[at] == 'first-entry' and info[at + 1] then first = info[at + 1][1]
    elseif info[at] == 'last-generated-id' then last = info[at + 1]
    elseif info[at] == 'length' then entries = info[at + 1] end
  end
end
return {first, last, text(entries), text(now), boot, text(now - since), others}
