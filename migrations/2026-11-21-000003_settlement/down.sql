DROP TABLE reversed_events;
DROP TABLE findings;
DROP TABLE transactions;
DROP TABLE batches;
DROP TABLE windows;
DROP TABLE plans;
