-- What the stream has, and what time it is.
--
-- KEYS: the stream.
-- Returns: the id of its first entry ("" if there is none), the last id that was given out, how many entries there are, the
--   time in ms.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if info.err then
  if redis.call('EXISTS', KEYS[1]) == 1 then return info end
  return {'', '0-0', '0', now}
end
local first, last, entries = '', '0-0', 0
for at = 1, #info, 2 do
  if info[at] == 'first-entry' and info[at + 1] then first = info[at + 1][1]
  elseif info[at] == 'last-generated-id' then last = info[at + 1]
  elseif info[at] == 'length' then entries = info[at + 1] end
end
return {first, last, string.format('%.0f', entries), now}
