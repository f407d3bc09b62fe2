-- Files by id; the bytes of each lie beside this store, under the same id.
create table file (
    number  integer primary key autoincrement,
    id      text    not null unique,
    name    text    not null,
    purpose text    not null,
    size    integer not null,
    digest  text    not null,
    created real    not null,
    owner   text    not null,
    expires real
) strict;
create index file_owner on file (owner, number);
