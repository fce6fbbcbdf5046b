-- Puts messages into the inbox of a node.
--
-- KEYS: the inbox (stream). ARGV: life of the inbox in ms, then messages.
for at = 2, #ARGV do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', 10000, '*', 'm', ARGV[at])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return #ARGV - 1
