BEGIN TRANSACTION;
CREATE TABLE accelfront_baselines (
	"key" VARCHAR(64) NOT NULL, 
	scores TEXT NOT NULL, 
	embeddings BLOB NOT NULL, 
	created_at DATETIME DEFAULT CURRENT_TIMESTAMP NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE accelfront_claims (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	point VARCHAR(255) NOT NULL, 
	trial_number INTEGER NOT NULL, 
	host VARCHAR(255) NOT NULL, 
	pid INTEGER NOT NULL, 
	process_start FLOAT NOT NULL, 
	claimed_at DATETIME DEFAULT CURRENT_TIMESTAMP NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (study_id, point)
);
INSERT INTO "accelfront_claims" VALUES(1,1,'cache_interval=4 cache_branch_id=2 gate_step=14 sp_interval=1 fi_interval=1 warm_up=0 ratio=0.6 max_downsample=4',0,'a host',16317,1795346320.03,'2026-11-22 11:20:01');
INSERT INTO "accelfront_claims" VALUES(2,1,'cache_interval=2 cache_branch_id=0 gate_step=17 sp_interval=1 fi_interval=1 warm_up=0 ratio=0.3 max_downsample=2',1,'a host',16317,1795346320.03,'2026-11-22 11:20:02');
INSERT INTO "accelfront_claims" VALUES(3,1,'cache_interval=3 cache_branch_id=3 gate_step=11 sp_interval=1 fi_interval=1 warm_up=0 ratio=0.6 max_downsample=2',2,'a host',16317,1795346320.03,'2026-11-22 11:20:03');
CREATE TABLE accelfront_schema (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "accelfront_schema" VALUES(1);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'tiny-shapes--DDIM--50--deepcache+tgate+tome--a8b42f02');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
INSERT INTO "study_directions" VALUES(2,'MINIMIZE',1,1);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_system_attributes" VALUES(1,1,'study:metric_names','["speedup", "clip_loss"]');
INSERT INTO "study_system_attributes" VALUES(2,1,'dashboard:note_ver','2');
INSERT INTO "study_system_attributes" VALUES(3,1,'dashboard:note_str:0','"| | |\n|---|---|\n| combination | tiny-shapes, DDIM, 50 steps, deepcache + tgate + tome |\n| bound at a loss budget of 50.0% | **2.18x** at a loss of 0.1%, trial 1 |\n| measured | 3 of 7200 points |\n| protocol | 2 prompts of prompts.txt@e01d63c4, in batches of 1, 64x64, guidance 12, float32, seed 0 |\n| scored by | embedded/scorer@cdadcd93 |\n| device | a CPU of 2026 |\n\nA trial''s picture shows the baseline above and the accelerated pipeline below, from the same prompts and seeds. A trial is `feasible` inside the loss budget.\n\nGo on with:\n```\naccelfront study \\\n  --pipeline tiny-shapes \\\n  --scheduler DDIM \\\n  --steps 50 \\\n  --methods deepcache,tgate,tome \\\n  --trials 6 \\\n  --num-samples 2 \\\n  --batch-size 1 \\\n  --device cpu \\\n  --storage sqlite:////tmp/h5/golden.db\n```\n\n*Written by accelfront up to here; what is added below this line stays.*"');
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'combination','{"pipeline": "tiny-shapes", "scheduler": "DDIM", "steps": 50, "methods": ["deepcache", "tgate", "tome"]}');
INSERT INTO "study_user_attributes" VALUES(2,1,'protocol','{"model": "tiny-shapes@58156672", "scorer": "embedded/scorer@cdadcd93", "prompts": "prompts.txt@e01d63c4", "num_samples": 2, "batch_size": 1, "height": 64, "width": 64, "guidance_scale": 12.0, "dtype": "float32", "seed": 0, "timed": "prompt to picture"}');
INSERT INTO "study_user_attributes" VALUES(3,1,'space','{"distinct": 7200, "grid": 7680, "choices": {"cache_interval": [2, 3, 4, 5], "cache_branch_id": [0, 1, 2, 3], "gate_step": [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19], "sp_interval": [1], "fi_interval": [1], "warm_up": [0], "ratio": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75], "max_downsample": [1, 2, 4, 8]}}');
INSERT INTO "study_user_attributes" VALUES(4,1,'environment','{"device": "a CPU of 2026", "versions": {"python": "3.11.7", "driver": "", "torch": "2.14.1+cu130", "diffusers": "0.42.1", "transformers": "5.23.0", "DeepCache": "0.1.1", "tgate": "1.0.0", "tomesd": "0.1.3", "open_clip_torch": "3.3.0"}}');
INSERT INTO "study_user_attributes" VALUES(5,1,'loss_budget','0.5');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_heartbeats" VALUES(1,1,'2026-11-22 11:20:01');
INSERT INTO "trial_heartbeats" VALUES(2,2,'2026-11-22 11:20:02');
INSERT INTO "trial_heartbeats" VALUES(3,3,'2026-11-22 11:20:03');
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'cache_interval',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 2, "high": 5}}');
INSERT INTO "trial_params" VALUES(2,1,'cache_branch_id',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 3}}');
INSERT INTO "trial_params" VALUES(3,1,'gate_step',14.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 5, "high": 19}}');
INSERT INTO "trial_params" VALUES(4,1,'sp_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(5,1,'fi_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(6,1,'warm_up',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0]}}');
INSERT INTO "trial_params" VALUES(7,1,'ratio',5.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75]}}');
INSERT INTO "trial_params" VALUES(8,1,'max_downsample',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1, 2, 4, 8]}}');
INSERT INTO "trial_params" VALUES(9,2,'cache_interval',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 2, "high": 5}}');
INSERT INTO "trial_params" VALUES(10,2,'cache_branch_id',0.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 3}}');
INSERT INTO "trial_params" VALUES(11,2,'gate_step',17.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 5, "high": 19}}');
INSERT INTO "trial_params" VALUES(12,2,'sp_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(13,2,'fi_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(14,2,'warm_up',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0]}}');
INSERT INTO "trial_params" VALUES(15,2,'ratio',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75]}}');
INSERT INTO "trial_params" VALUES(16,2,'max_downsample',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1, 2, 4, 8]}}');
INSERT INTO "trial_params" VALUES(17,3,'cache_interval',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 2, "high": 5}}');
INSERT INTO "trial_params" VALUES(18,3,'cache_branch_id',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 3}}');
INSERT INTO "trial_params" VALUES(19,3,'gate_step',11.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 5, "high": 19}}');
INSERT INTO "trial_params" VALUES(20,3,'sp_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(21,3,'fi_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(22,3,'warm_up',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0]}}');
INSERT INTO "trial_params" VALUES(23,3,'ratio',5.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75]}}');
INSERT INTO "trial_params" VALUES(24,3,'max_downsample',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1, 2, 4, 8]}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_system_attributes" VALUES(1,1,'constraints:clip_loss','-0.49307412034922754');
INSERT INTO "trial_system_attributes" VALUES(2,2,'constraints:clip_loss','-0.49914606042367254');
INSERT INTO "trial_system_attributes" VALUES(3,3,'constraints:clip_loss','-0.48005262477570443');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'point','{"cache_interval": 4, "cache_branch_id": 2, "gate_step": 14, "sp_interval": 1, "fi_interval": 1, "warm_up": 0, "ratio": 0.6, "max_downsample": 4}');
INSERT INTO "trial_user_attributes" VALUES(2,1,'feasible','true');
INSERT INTO "trial_user_attributes" VALUES(3,1,'measurement','{"speedup": 1.72197, "speedup_ci": [1.68753, 1.75641], "clip_loss": 0.00692588, "clip_loss_ci": [0.00192588, 0.0119259], "latency_s": 0.290365, "latency_ci_s": [0.284557, 0.296172], "baseline_latency_s": 0.5, "latencies_s": [0.290365, 0.290365, 0.290365, 0.290365, 0.290365], "baseline_latencies_s": [0.5, 0.5, 0.5, 0.5, 0.5], "image_similarity": 0.95, "psnr_db": 25.0, "clip_score": 0.3, "baseline_clip_score": 0.31, "peak_memory_mib": null, "device_shared": false, "samples": 32, "stopped_early": false, "seconds": {"generate": 0.5, "baseline": 0.5, "score": 0.1, "patch": 0.01, "sample": 0.949271, "store": 0.175426}}');
INSERT INTO "trial_user_attributes" VALUES(4,2,'point','{"cache_interval": 2, "cache_branch_id": 0, "gate_step": 17, "sp_interval": 1, "fi_interval": 1, "warm_up": 0, "ratio": 0.3, "max_downsample": 2}');
INSERT INTO "trial_user_attributes" VALUES(5,2,'feasible','true');
INSERT INTO "trial_user_attributes" VALUES(6,2,'measurement','{"speedup": 2.17944, "speedup_ci": [2.13585, 2.22303], "clip_loss": 0.00085394, "clip_loss_ci": [-0.00414606, 0.00585394], "latency_s": 0.229417, "latency_ci_s": [0.224829, 0.234005], "baseline_latency_s": 0.5, "latencies_s": [0.229417, 0.229417, 0.229417, 0.229417, 0.229417], "baseline_latencies_s": [0.5, 0.5, 0.5, 0.5, 0.5], "image_similarity": 0.95, "psnr_db": 25.0, "clip_score": 0.3, "baseline_clip_score": 0.31, "peak_memory_mib": null, "device_shared": false, "samples": 32, "stopped_early": false, "seconds": {"generate": 0.5, "baseline": 0.5, "score": 0.1, "patch": 0.01, "sample": 0.154584, "store": 0.276283}}');
INSERT INTO "trial_user_attributes" VALUES(7,3,'point','{"cache_interval": 3, "cache_branch_id": 3, "gate_step": 11, "sp_interval": 1, "fi_interval": 1, "warm_up": 0, "ratio": 0.6, "max_downsample": 2}');
INSERT INTO "trial_user_attributes" VALUES(8,3,'feasible','true');
INSERT INTO "trial_user_attributes" VALUES(9,3,'measurement','{"speedup": 1.89794, "speedup_ci": [1.85998, 1.9359], "clip_loss": 0.0199474, "clip_loss_ci": [0.0149474, 0.0249474], "latency_s": 0.263444, "latency_ci_s": [0.258175, 0.268712], "baseline_latency_s": 0.5, "latencies_s": [0.263444, 0.263444, 0.263444, 0.263444, 0.263444], "baseline_latencies_s": [0.5, 0.5, 0.5, 0.5, 0.5], "image_similarity": 0.95, "psnr_db": 25.0, "clip_score": 0.3, "baseline_clip_score": 0.31, "peak_memory_mib": null, "device_shared": false, "samples": 32, "stopped_early": false, "seconds": {"generate": 0.5, "baseline": 0.5, "score": 0.1, "patch": 0.01, "sample": 0.895115, "store": 0.244007}}');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,1.72197204312106,'FINITE');
INSERT INTO "trial_values" VALUES(2,1,1,6.92587965077247433992e-03,'FINITE');
INSERT INTO "trial_values" VALUES(3,2,0,2.17943856030401184042e+00,'FINITE');
INSERT INTO "trial_values" VALUES(4,2,1,8.53939576327444709036e-04,'FINITE');
INSERT INTO "trial_values" VALUES(5,3,0,1.89793989287129294396e+00,'FINITE');
INSERT INTO "trial_values" VALUES(6,3,1,1.99473752242955784663e-02,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-22 11:20:00.872729','2026-11-22 11:20:02.014438');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-22 11:20:02.168191','2026-11-22 11:20:02.735557');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-22 11:20:03.119765','2026-11-22 11:20:04.318243');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
