-- Batches, and the answers of those that are not over; what they ask lies beside this store.
create table batch (
    number  integer primary key autoincrement,
    id      text    not null unique,
    owner   text    not null,
    is_over integer not null,
    worker  text    not null,
    beat    real    not null,
    record  blob    not null
) strict;
create index batch_owner on batch (owner, number);
create index batch_open on batch (number) where not is_over;

create table answer (
    batch    text    not null,
    line     integer not null,
    is_error integer not null,
    record   blob    not null,
    primary key (batch, line)
) strict;
