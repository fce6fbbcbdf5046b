-- Tells all nodes: revocations, which are remembered in a set, too, and commands.
--
-- KEYS: the stream, what is revoked (zset: name by when it is forgotten), which tokens of it (hash: those issued up to when;
--   all where there is nothing).
-- ARGV: length of the stream, then of each message: its text, name ("" of a command), which tokens ("": all), life in ms,
--   "+" or, of one that is put back, "=": it is not told where the set has it.
-- Returns: how many were put back.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local put_back = 0
for at = 2, #ARGV, 5 do
  local text, name, issued, mode = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 4]
  local new = true
  if name ~= '' then
    local ends = redis.call('ZSCORE', KEYS[2], name)
    local before = ends and redis.call('HGET', KEYS[3], name)
    local has = ends and (not before or (issued ~= '' and tonumber(before) >= tonumber(issued)))
    new = mode == '+' or not has
    if new then
      local forgotten = math.max(now + tonumber(ARGV[at + 3]), tonumber(ends or 0))
      redis.call('ZADD', KEYS[2], string.format('%.0f', forgotten), name)
      if issued == '' then redis.call('HDEL', KEYS[3], name)
      elseif not has then redis.call('HSET', KEYS[3], name, issued) end
      if mode == '=' then put_back = put_back + 1 end
    end
  end
  if new then redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'm', text) end
end
local forgotten = redis.call('ZRANGE', KEYS[2], '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, 512)
for _, name in ipairs(forgotten) do
  redis.call('ZREM', KEYS[2], name)
  redis.call('HDEL', KEYS[3], name)
end
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2]
if last then
  local left = string.format('%.0f', tonumber(last) - now + 1)
  redis.call('PEXPIRE', KEYS[2], left)
  redis.call('PEXPIRE', KEYS[3], left)
end
return put_back
