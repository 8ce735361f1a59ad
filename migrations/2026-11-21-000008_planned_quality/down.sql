ALTER TABLE media_plans DROP COLUMN quality_bps;
