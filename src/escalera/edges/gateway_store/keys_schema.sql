-- Keys and accounts as they are now, and what of their allowances and limits was taken.
create table keys (
    id             text primary key,
    name           text    not null,
    digest         blob    not null unique,
    previous       blob    not null,
    previous_until real    not null,
    account        text    not null,
    models         text    not null,
    requests       integer,
    tokens         integer,
    micro_dollars  integer,
    window         text,
    created        real    not null,
    expires        real,
    revoked        real,
    revision       integer not null,
    minutes        integer,
    minutes_window text
) strict;
create index keys_revision on keys (revision);

create table accounts (
    name           text primary key,
    requests       integer,
    tokens         integer,
    micro_dollars  integer,
    window         text,
    revision       integer not null,
    minutes        integer,
    minutes_window text
) strict;
create index accounts_revision on accounts (revision);

-- One row: the number of the last change of a key or an account.
create table revision (number integer not null) strict;
insert into revision values (0);

-- Money by holder (key:ID, account:NAME) and window: taken is spent or held by workers.
create table money (
    holder text    not null,
    period text    not null,
    taken  integer not null,
    spent  integer not null,
    primary key (holder, period)
) strict;

-- Buckets of requests and tokens by holder, in the parts of core.serving.limits.
create table buckets (
    holder         text primary key,
    requests_level integer,
    requests_at    integer,
    tokens_level   integer,
    tokens_at      integer
) strict;
