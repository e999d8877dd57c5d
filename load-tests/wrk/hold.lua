-- Holds of one place each on one event, by many people, every one with a key of its own. Arguments: a file with an access token a
-- line, event id, ticket type id, a word for this run.
local number = 0
local thread_number = 0

function setup(thread)
  thread:set("id", thread_number)
  thread_number = thread_number + 1
end

function init(arguments)
  tokens, run = {}, arguments[4]
  for token in io.lines(arguments[1]) do
    tokens[#tokens + 1] = token
  end
  body = string.format('{"event_id":"%s","items":[{"ticket_type_id":"%s","quantity":1}]}', arguments[2], arguments[3])
end

function request()
  number = number + 1
  return wrk.format("POST", "/api/bookings", {
    ["Content-Type"] = "application/json",
    ["Authorization"] = "Bearer " .. tokens[number % #tokens + 1],
    ["Idempotency-Key"] = string.format("%s-%d-%d", run, id, number),
  }, body)
end
