DROP TABLE search_counts;
DROP TABLE market_cursors;
DROP TABLE market_totals;
DROP TABLE market_history;
DROP TABLE market_contents;
