-- The journal: one row per event, in order, chained by hash. Rows are only ever inserted.
create table if not exists journal (
    position integer primary key,
    kind     text    not null,
    version  integer not null,
    body     blob    not null,
    hash     text    not null,
    request  text
) strict;

-- Answers that were bought, by what was asked: the same request is not paid for twice.
create index if not exists journal_request on journal (request) where request is not null;

create trigger if not exists journal_is_append_only_update
before update on journal
begin
    select raise(abort, 'the journal is append-only');
end;

create trigger if not exists journal_is_append_only_delete
before delete on journal
begin
    select raise(abort, 'the journal is append-only');
end;
