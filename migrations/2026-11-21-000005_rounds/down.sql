DROP TABLE positions;
DROP TABLE rounds;
