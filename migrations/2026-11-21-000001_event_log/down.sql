DROP TABLE leases;
DROP TABLE counted_batches;
DROP TABLE log_positions;
DROP TABLE event_batches;
