-- What the content's quality is expected to be when the plan is carried out, in basis points; none for
-- plans of before.
ALTER TABLE media_plans ADD COLUMN quality_bps INTEGER;
