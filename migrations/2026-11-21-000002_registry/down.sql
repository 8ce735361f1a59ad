DROP TABLE contents;
DROP TABLE creators;
DROP TABLE shards;
