-- What is only remembered for a while is found by its age.

CREATE INDEX inbox_by_age ON inbox (created_at);
CREATE INDEX mail_log_by_age ON mail_log (updated_at) WHERE state <> 'due';
