DROP TABLE media_uploads;
DROP TABLE media_jobs;
DROP TABLE media_plans;
DROP TABLE media_sources;
