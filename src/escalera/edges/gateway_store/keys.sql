-- revision: the number of the last change
select number from revision;

-- advance: the next change
update revision set number = number + 1 returning number;

-- keys_after: keys that changed after a revision, in order
select id, name, digest, previous, previous_until, account, models, requests, tokens,
       micro_dollars, window, minutes, minutes_window, created, expires, revoked
from keys
where revision > :after
order by revision;

-- accounts_after: accounts that changed after a revision, in order
select name, requests, tokens, micro_dollars, window, minutes, minutes_window
from accounts
where revision > :after
order by revision;

-- key: one key
select id, name, digest, previous, previous_until, account, models, requests, tokens,
       micro_dollars, window, minutes, minutes_window, created, expires, revoked
from keys
where id = :id;

-- account: one account
select name, requests, tokens, micro_dollars, window, minutes, minutes_window
from accounts
where name = :name;

-- put_key: add or replace a key
insert into keys (id, name, digest, previous, previous_until, account, models, requests, tokens,
                  micro_dollars, window, minutes, minutes_window, created, expires, revoked,
                  revision)
values (:id, :name, :digest, :previous, :previous_until, :account, :models, :requests, :tokens,
        :micro_dollars, :window, :minutes, :minutes_window, :created, :expires, :revoked,
        :revision)
on conflict (id) do update
set name = excluded.name, digest = excluded.digest, previous = excluded.previous,
    previous_until = excluded.previous_until, account = excluded.account,
    models = excluded.models, requests = excluded.requests, tokens = excluded.tokens,
    micro_dollars = excluded.micro_dollars, window = excluded.window,
    minutes = excluded.minutes, minutes_window = excluded.minutes_window,
    expires = excluded.expires, revoked = excluded.revoked, revision = excluded.revision;

-- put_account: add or replace an account
insert into accounts (name, requests, tokens, micro_dollars, window, minutes, minutes_window,
                      revision)
values (:name, :requests, :tokens, :micro_dollars, :window, :minutes, :minutes_window, :revision)
on conflict (name) do update
set requests = excluded.requests, tokens = excluded.tokens,
    micro_dollars = excluded.micro_dollars, window = excluded.window,
    minutes = excluded.minutes, minutes_window = excluded.minutes_window,
    revision = excluded.revision;

-- money: what was taken and spent by a holder in a window
select taken, spent from money where holder = :holder and period = :period;

-- put_money: what is taken and spent now
insert into money (holder, period, taken, spent)
values (:holder, :period, :taken, :spent)
on conflict (holder, period) do update set taken = excluded.taken, spent = excluded.spent;

-- bucket: the buckets of a holder
select requests_level, requests_at, tokens_level, tokens_at from buckets where holder = :holder;

-- put_bucket: the buckets as they are now
insert into buckets (holder, requests_level, requests_at, tokens_level, tokens_at)
values (:holder, :requests_level, :requests_at, :tokens_level, :tokens_at)
on conflict (holder) do update
set requests_level = excluded.requests_level, requests_at = excluded.requests_at,
    tokens_level = excluded.tokens_level, tokens_at = excluded.tokens_at;
