DROP TABLE publications;
DROP TABLE index_cursors;
DROP TABLE chain_events;
