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
INSERT INTO "accelfront_claims" VALUES(1,1,'cache_interval=3 cache_branch_id=0 gate_step=10 sp_interval=1 fi_interval=1 warm_up=0',0,'a host',6202,1795901085.94,'2026-11-28 21:25:03');
INSERT INTO "accelfront_claims" VALUES(2,1,'cache_interval=2 cache_branch_id=3 gate_step=19 sp_interval=1 fi_interval=1 warm_up=0',1,'a host',6202,1795901085.94,'2026-11-28 21:25:12');
INSERT INTO "accelfront_claims" VALUES(3,1,'cache_interval=2 cache_branch_id=3 gate_step=5 sp_interval=1 fi_interval=1 warm_up=0',2,'a host',6202,1795901085.94,'2026-11-28 21:25:25');
INSERT INTO "accelfront_claims" VALUES(4,1,'cache_interval=5 cache_branch_id=2 gate_step=5 sp_interval=1 fi_interval=1 warm_up=0',3,'a host',6202,1795901085.94,'2026-11-28 21:25:36');
INSERT INTO "accelfront_claims" VALUES(5,1,'cache_interval=2 cache_branch_id=0 gate_step=5 sp_interval=1 fi_interval=1 warm_up=0',4,'a host',6202,1795901085.94,'2026-11-28 21:25:47');
INSERT INTO "accelfront_claims" VALUES(6,1,'cache_interval=2 cache_branch_id=1 gate_step=5 sp_interval=1 fi_interval=1 warm_up=0',5,'a host',6202,1795901085.94,'2026-11-28 21:25:58');
INSERT INTO "accelfront_claims" VALUES(7,1,'cache_interval=2 cache_branch_id=1 gate_step=6 sp_interval=1 fi_interval=1 warm_up=0',6,'a host',6202,1795901085.94,'2026-11-28 21:26:09');
INSERT INTO "accelfront_claims" VALUES(8,1,'cache_interval=2 cache_branch_id=0 gate_step=8 sp_interval=1 fi_interval=1 warm_up=0',7,'a host',6202,1795901085.94,'2026-11-28 21:26:20');
CREATE TABLE accelfront_hints (
	id INTEGER NOT NULL, 
	combination TEXT NOT NULL, 
	point TEXT NOT NULL, 
	created_at DATETIME DEFAULT CURRENT_TIMESTAMP NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE accelfront_schema (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "accelfront_schema" VALUES(1);
CREATE TABLE accelfront_scripts (
	id INTEGER NOT NULL, 
	task TEXT NOT NULL, 
	study TEXT NOT NULL, 
	trial INTEGER NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	path TEXT NOT NULL, 
	written_at DATETIME DEFAULT CURRENT_TIMESTAMP NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "accelfront_scripts" VALUES(1,'tiny-shapes with DDIM, 20 steps, DeepCache and T-GATE, at least 1.5x, loss at most 3%','tiny-shapes--DDIM--20--deepcache+tgate--f6af9cd7',7,'f74dcd21e1110b62e690e00ab3946bdf8b0a4fe1b7ca5722338f9e4cdf8105bf','/home/someone/scripts/tiny-shapes-ddim-20-deepcache-tgate-f6af9cd7-trial7.py','2026-11-28 21:27:09');
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
INSERT INTO "studies" VALUES(1,'tiny-shapes--DDIM--20--deepcache+tgate--f6af9cd7');
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
INSERT INTO "study_system_attributes" VALUES(3,1,'dashboard:note_str:0','"| | |\n|---|---|\n| combination | tiny-shapes, DDIM, 20 steps, deepcache + tgate |\n| bound at a loss budget of 2.0% | **2.33x** at a loss of 1.2%, trial 4 |\n| measured | 8 of 240 points |\n| protocol | 16 prompts of prompts.txt@6d1d2393, in batches of 4, 64x64, guidance 12, float32, seed 0 |\n| scored by | embedded/scorer@cdadcd93 |\n| device | AMD EPYC (1 threads) |\n\nA trial''s picture shows the baseline above and the accelerated pipeline below, from the same prompts and seeds. A trial is `feasible` inside the loss budget.\n\nGo on with:\n```\naccelfront study \\\n  --pipeline tiny-shapes \\\n  --scheduler DDIM \\\n  --steps 20 \\\n  --methods deepcache,tgate \\\n  --trials 16 \\\n  --num-samples 16 \\\n  --storage sqlite:///accelfront.db\n```\n\n*Written by accelfront up to here; what is added below this line stays.*"');
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'combination','{"pipeline": "tiny-shapes", "scheduler": "DDIM", "steps": 20, "methods": ["deepcache", "tgate"]}');
INSERT INTO "study_user_attributes" VALUES(2,1,'protocol','{"model": "tiny-shapes@58156672", "scorer": "embedded/scorer@cdadcd93", "prompts": "prompts.txt@6d1d2393", "num_samples": 16, "batch_size": 4, "height": 64, "width": 64, "guidance_scale": 12.0, "dtype": "float32", "seed": 0, "timed": "prompt to picture"}');
INSERT INTO "study_user_attributes" VALUES(3,1,'space','{"distinct": 240, "grid": 240, "choices": {"cache_interval": [2, 3, 4, 5], "cache_branch_id": [0, 1, 2, 3], "gate_step": [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19], "sp_interval": [1], "fi_interval": [1], "warm_up": [0]}}');
INSERT INTO "study_user_attributes" VALUES(4,1,'environment','{"device": "AMD EPYC (1 threads)", "versions": {"python": "3.11.7", "driver": "", "torch": "2.14.1+cu130", "diffusers": "0.42.1", "transformers": "5.24.0", "DeepCache": "0.1.1", "tgate": "1.0.0", "tomesd": "0.1.3", "open_clip_torch": "3.3.0"}}');
INSERT INTO "study_user_attributes" VALUES(5,1,'loss_budget','0.02');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_heartbeats" VALUES(1,1,'2026-11-28 21:25:03');
INSERT INTO "trial_heartbeats" VALUES(2,2,'2026-11-28 21:25:12');
INSERT INTO "trial_heartbeats" VALUES(3,3,'2026-11-28 21:25:25');
INSERT INTO "trial_heartbeats" VALUES(4,4,'2026-11-28 21:25:36');
INSERT INTO "trial_heartbeats" VALUES(5,5,'2026-11-28 21:25:47');
INSERT INTO "trial_heartbeats" VALUES(6,6,'2026-11-28 21:25:58');
INSERT INTO "trial_heartbeats" VALUES(7,7,'2026-11-28 21:26:09');
INSERT INTO "trial_heartbeats" VALUES(8,8,'2026-11-28 21:26:20');
INSERT INTO "trial_heartbeats" VALUES(9,9,'2026-11-28 21:26:39');
INSERT INTO "trial_heartbeats" VALUES(10,10,'2026-11-28 21:26:49');
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
INSERT INTO "trial_params" VALUES(1,1,'cache_interval',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 2, "high": 5}}');
INSERT INTO "trial_params" VALUES(2,1,'cache_branch_id',0.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 3}}');
INSERT INTO "trial_params" VALUES(3,1,'gate_step',10.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 5, "high": 19}}');
INSERT INTO "trial_params" VALUES(4,1,'sp_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(5,1,'fi_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(6,1,'warm_up',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0]}}');
INSERT INTO "trial_params" VALUES(7,2,'cache_interval',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 2, "high": 5}}');
INSERT INTO "trial_params" VALUES(8,2,'cache_branch_id',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 3}}');
INSERT INTO "trial_params" VALUES(9,2,'gate_step',19.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 5, "high": 19}}');
INSERT INTO "trial_params" VALUES(10,2,'sp_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(11,2,'fi_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(12,2,'warm_up',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0]}}');
INSERT INTO "trial_params" VALUES(13,3,'cache_interval',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 2, "high": 5}}');
INSERT INTO "trial_params" VALUES(14,3,'cache_branch_id',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 3}}');
INSERT INTO "trial_params" VALUES(15,3,'gate_step',5.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 5, "high": 19}}');
INSERT INTO "trial_params" VALUES(16,3,'sp_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(17,3,'fi_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(18,3,'warm_up',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0]}}');
INSERT INTO "trial_params" VALUES(19,4,'cache_interval',5.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 2, "high": 5}}');
INSERT INTO "trial_params" VALUES(20,4,'cache_branch_id',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 3}}');
INSERT INTO "trial_params" VALUES(21,4,'gate_step',5.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 5, "high": 19}}');
INSERT INTO "trial_params" VALUES(22,4,'sp_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(23,4,'fi_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(24,4,'warm_up',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0]}}');
INSERT INTO "trial_params" VALUES(25,5,'cache_interval',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 2, "high": 5}}');
INSERT INTO "trial_params" VALUES(26,5,'cache_branch_id',0.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 3}}');
INSERT INTO "trial_params" VALUES(27,5,'gate_step',5.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 5, "high": 19}}');
INSERT INTO "trial_params" VALUES(28,5,'sp_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(29,5,'fi_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(30,5,'warm_up',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0]}}');
INSERT INTO "trial_params" VALUES(31,6,'cache_interval',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 2, "high": 5}}');
INSERT INTO "trial_params" VALUES(32,6,'cache_branch_id',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 3}}');
INSERT INTO "trial_params" VALUES(33,6,'gate_step',5.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 5, "high": 19}}');
INSERT INTO "trial_params" VALUES(34,6,'sp_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(35,6,'fi_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(36,6,'warm_up',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0]}}');
INSERT INTO "trial_params" VALUES(37,7,'cache_interval',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 2, "high": 5}}');
INSERT INTO "trial_params" VALUES(38,7,'cache_branch_id',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 3}}');
INSERT INTO "trial_params" VALUES(39,7,'gate_step',6.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 5, "high": 19}}');
INSERT INTO "trial_params" VALUES(40,7,'sp_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(41,7,'fi_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(42,7,'warm_up',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0]}}');
INSERT INTO "trial_params" VALUES(43,8,'cache_interval',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 2, "high": 5}}');
INSERT INTO "trial_params" VALUES(44,8,'cache_branch_id',0.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 3}}');
INSERT INTO "trial_params" VALUES(45,8,'gate_step',8.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 5, "high": 19}}');
INSERT INTO "trial_params" VALUES(46,8,'sp_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(47,8,'fi_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(48,8,'warm_up',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0]}}');
INSERT INTO "trial_params" VALUES(49,9,'cache_interval',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 2, "high": 5}}');
INSERT INTO "trial_params" VALUES(50,9,'cache_branch_id',0.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 3}}');
INSERT INTO "trial_params" VALUES(51,9,'gate_step',5.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 5, "high": 19}}');
INSERT INTO "trial_params" VALUES(52,9,'sp_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(53,9,'fi_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(54,9,'warm_up',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0]}}');
INSERT INTO "trial_params" VALUES(55,10,'cache_interval',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 2, "high": 5}}');
INSERT INTO "trial_params" VALUES(56,10,'cache_branch_id',0.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 3}}');
INSERT INTO "trial_params" VALUES(57,10,'gate_step',8.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 5, "high": 19}}');
INSERT INTO "trial_params" VALUES(58,10,'sp_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(59,10,'fi_interval',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [1]}}');
INSERT INTO "trial_params" VALUES(60,10,'warm_up',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0]}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_system_attributes" VALUES(1,1,'constraints:clip_loss','0.0204207707785144');
INSERT INTO "trial_system_attributes" VALUES(3,2,'constraints:clip_loss','-0.009538697528874084');
INSERT INTO "trial_system_attributes" VALUES(5,3,'constraints:clip_loss','-0.02654475274694948');
INSERT INTO "trial_system_attributes" VALUES(7,4,'constraints:clip_loss','0.09859654673726861');
INSERT INTO "trial_system_attributes" VALUES(9,5,'constraints:clip_loss','-0.008301232281339764');
INSERT INTO "trial_system_attributes" VALUES(11,6,'constraints:clip_loss','-0.0109166479509044');
INSERT INTO "trial_system_attributes" VALUES(13,7,'constraints:clip_loss','-0.014200348885207464');
INSERT INTO "trial_system_attributes" VALUES(15,8,'constraints:clip_loss','-0.014284110221853902');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'point','{"cache_interval": 3, "cache_branch_id": 0, "gate_step": 10, "sp_interval": 1, "fi_interval": 1, "warm_up": 0}');
INSERT INTO "trial_user_attributes" VALUES(2,1,'feasible','false');
INSERT INTO "trial_user_attributes" VALUES(3,1,'measurement','{"speedup": 2.4003, "speedup_ci": [2.27599, 2.53141], "clip_loss": 0.0404208, "clip_loss_ci": [0.0200841, 0.0624422], "latency_s": 0.190859, "latency_ci_s": [0.180349, 0.201981], "baseline_latency_s": 0.458119, "latencies_s": [0.188491, 0.188237, 0.195948], "baseline_latencies_s": [0.454977, 0.456744, 0.462671], "image_similarity": 0.939889, "psnr_db": 22.5984, "clip_score": 0.813772, "baseline_clip_score": 0.84805, "peak_memory_mib": null, "device_shared": false, "gpu_bound": null, "baseline_gpu_bound": null, "disturbed": [], "samples": 16, "stopped_early": false, "seconds": {"generate": 3.04109, "patch": 0.0906013, "score": 0.0634957, "baseline": 5.49762, "sample": 0.0348728, "store": 0.00768152}}');
INSERT INTO "trial_user_attributes" VALUES(4,2,'point','{"cache_interval": 2, "cache_branch_id": 3, "gate_step": 19, "sp_interval": 1, "fi_interval": 1, "warm_up": 0}');
INSERT INTO "trial_user_attributes" VALUES(5,2,'feasible','true');
INSERT INTO "trial_user_attributes" VALUES(6,2,'measurement','{"speedup": 1.25123, "speedup_ci": [1.15862, 1.35125], "clip_loss": 0.0104613, "clip_loss_ci": [-0.00272191, 0.0331353], "latency_s": 0.415857, "latency_ci_s": [0.376919, 0.458817], "baseline_latency_s": 0.520333, "latencies_s": [0.417183, 0.431914, 0.399123], "baseline_latencies_s": [0.519633, 0.556109, 0.487514], "image_similarity": 0.983674, "psnr_db": 33.8134, "clip_score": 0.839179, "baseline_clip_score": 0.84805, "peak_memory_mib": null, "device_shared": false, "gpu_bound": null, "baseline_gpu_bound": null, "disturbed": [], "samples": 16, "stopped_early": false, "seconds": {"generate": 6.73745, "patch": 0.0722055, "score": 0.0731721, "baseline": 6.25319, "sample": 0.0312322, "store": 0.00989174}}');
INSERT INTO "trial_user_attributes" VALUES(7,3,'point','{"cache_interval": 2, "cache_branch_id": 3, "gate_step": 5, "sp_interval": 1, "fi_interval": 1, "warm_up": 0}');
INSERT INTO "trial_user_attributes" VALUES(8,3,'feasible','true');
INSERT INTO "trial_user_attributes" VALUES(9,3,'measurement','{"speedup": 1.58467, "speedup_ci": [1.46363, 1.71573], "clip_loss": -0.00654475, "clip_loss_ci": [-0.0153784, 0.000299975], "latency_s": 0.317211, "latency_ci_s": [0.287914, 0.349489], "baseline_latency_s": 0.502676, "latencies_s": [0.309759, 0.310543, 0.331819], "baseline_latencies_s": [0.502739, 0.477304, 0.529331], "image_similarity": 0.979372, "psnr_db": 27.3251, "clip_score": 0.853601, "baseline_clip_score": 0.84805, "peak_memory_mib": null, "device_shared": false, "gpu_bound": null, "baseline_gpu_bound": null, "disturbed": [], "samples": 16, "stopped_early": false, "seconds": {"generate": 4.93709, "patch": 0.0742341, "score": 0.0704894, "baseline": 6.03768, "sample": 0.0230671, "store": 0.0177903}}');
INSERT INTO "trial_user_attributes" VALUES(10,4,'point','{"cache_interval": 5, "cache_branch_id": 2, "gate_step": 5, "sp_interval": 1, "fi_interval": 1, "warm_up": 0}');
INSERT INTO "trial_user_attributes" VALUES(11,4,'feasible','false');
INSERT INTO "trial_user_attributes" VALUES(12,4,'measurement','{"speedup": 2.23315, "speedup_ci": [1.85816, 2.68383], "clip_loss": 0.118597, "clip_loss_ci": [0.0758475, 0.163914], "latency_s": 0.23679, "latency_ci_s": [0.213971, 0.262043], "baseline_latency_s": 0.528788, "latencies_s": [0.226073, 0.244147, 0.240541], "baseline_latencies_s": [0.502532, 0.587385, 0.500908], "image_similarity": 0.863324, "psnr_db": 18.2187, "clip_score": 0.747475, "baseline_clip_score": 0.84805, "peak_memory_mib": null, "device_shared": false, "gpu_bound": null, "baseline_gpu_bound": null, "disturbed": [], "samples": 16, "stopped_early": false, "seconds": {"generate": 3.82292, "patch": 0.0742958, "score": 0.114068, "baseline": 6.36335, "sample": 0.0725375, "store": 0.00898057}}');
INSERT INTO "trial_user_attributes" VALUES(13,5,'point','{"cache_interval": 2, "cache_branch_id": 0, "gate_step": 5, "sp_interval": 1, "fi_interval": 1, "warm_up": 0}');
INSERT INTO "trial_user_attributes" VALUES(14,5,'feasible','true');
INSERT INTO "trial_user_attributes" VALUES(15,5,'measurement','{"speedup": 2.32739, "speedup_ci": [1.79048, 3.02529], "clip_loss": 0.0116988, "clip_loss_ci": [-0.00320292, 0.0272406], "latency_s": 0.240048, "latency_ci_s": [0.217113, 0.265407], "baseline_latency_s": 0.558686, "latencies_s": [0.250792, 0.231582, 0.238164], "baseline_latencies_s": [0.517722, 0.566355, 0.594727], "image_similarity": 0.968714, "psnr_db": 25.8048, "clip_score": 0.838129, "baseline_clip_score": 0.84805, "peak_memory_mib": null, "device_shared": false, "gpu_bound": null, "baseline_gpu_bound": null, "disturbed": ["uneven"], "samples": 16, "stopped_early": false, "seconds": {"generate": 3.90599, "patch": 0.0816018, "score": 0.0832116, "baseline": 6.7153, "sample": 0.0893398, "store": 0.0118194}}');
INSERT INTO "trial_user_attributes" VALUES(16,6,'point','{"cache_interval": 2, "cache_branch_id": 1, "gate_step": 5, "sp_interval": 1, "fi_interval": 1, "warm_up": 0}');
INSERT INTO "trial_user_attributes" VALUES(17,6,'feasible','true');
INSERT INTO "trial_user_attributes" VALUES(18,6,'measurement','{"speedup": 1.82181, "speedup_ci": [1.23464, 2.68821], "clip_loss": 0.00908335, "clip_loss_ci": [-0.0049187, 0.0235915], "latency_s": 0.294058, "latency_ci_s": [0.223136, 0.387524], "baseline_latency_s": 0.535718, "latencies_s": [0.334215, 0.277881, 0.273789], "baseline_latencies_s": [0.508819, 0.559548, 0.54002], "image_similarity": 0.970933, "psnr_db": 26.1827, "clip_score": 0.840347, "baseline_clip_score": 0.84805, "peak_memory_mib": null, "device_shared": false, "gpu_bound": null, "baseline_gpu_bound": null, "disturbed": ["uneven"], "samples": 16, "stopped_early": false, "seconds": {"generate": 4.68121, "patch": 0.0927331, "score": 0.0730984, "baseline": 6.43364, "sample": 0.0798752, "store": 0.0105444}}');
INSERT INTO "trial_user_attributes" VALUES(19,7,'point','{"cache_interval": 2, "cache_branch_id": 1, "gate_step": 6, "sp_interval": 1, "fi_interval": 1, "warm_up": 0}');
INSERT INTO "trial_user_attributes" VALUES(20,7,'feasible','true');
INSERT INTO "trial_user_attributes" VALUES(21,7,'measurement','{"speedup": 1.88012, "speedup_ci": [1.53365, 2.30486], "clip_loss": 0.00579965, "clip_loss_ci": [-0.00636205, 0.017979], "latency_s": 0.279239, "latency_ci_s": [0.264489, 0.294812], "baseline_latency_s": 0.525004, "latencies_s": [0.285874, 0.278192, 0.273786], "baseline_latencies_s": [0.586995, 0.4879, 0.505267], "image_similarity": 0.973729, "psnr_db": 26.2542, "clip_score": 0.843132, "baseline_clip_score": 0.84805, "peak_memory_mib": null, "device_shared": false, "gpu_bound": null, "baseline_gpu_bound": null, "disturbed": [], "samples": 16, "stopped_early": false, "seconds": {"generate": 4.49506, "patch": 0.0821206, "score": 0.0756938, "baseline": 6.32075, "sample": 0.0666934, "store": 0.00975823}}');
INSERT INTO "trial_user_attributes" VALUES(22,8,'point','{"cache_interval": 2, "cache_branch_id": 0, "gate_step": 8, "sp_interval": 1, "fi_interval": 1, "warm_up": 0}');
INSERT INTO "trial_user_attributes" VALUES(23,8,'feasible','true');
INSERT INTO "trial_user_attributes" VALUES(24,8,'measurement','{"speedup": 2.06059, "speedup_ci": [1.78541, 2.37818], "clip_loss": 0.00571589, "clip_loss_ci": [-0.00494205, 0.016452], "latency_s": 0.243652, "latency_ci_s": [0.207566, 0.28601], "baseline_latency_s": 0.502066, "latencies_s": [0.234251, 0.235243, 0.262488], "baseline_latencies_s": [0.486131, 0.510417, 0.51004], "image_similarity": 0.974737, "psnr_db": 26.2285, "clip_score": 0.843203, "baseline_clip_score": 0.84805, "peak_memory_mib": null, "device_shared": false, "gpu_bound": null, "baseline_gpu_bound": null, "disturbed": [], "samples": 16, "stopped_early": false, "seconds": {"generate": 3.87235, "patch": 0.0808189, "score": 0.0710965, "baseline": 6.0266, "sample": 0.0507062, "store": 0.0114931}}');
INSERT INTO "trial_user_attributes" VALUES(25,9,'point','{"cache_interval": 2, "cache_branch_id": 0, "gate_step": 5, "sp_interval": 1, "fi_interval": 1, "warm_up": 0}');
INSERT INTO "trial_user_attributes" VALUES(26,9,'duplicate_of','4');
INSERT INTO "trial_user_attributes" VALUES(27,9,'measurement','{"look": "confirmed", "speedup": 2.19961, "speedup_ci": [1.88788, 2.56282], "clip_loss": 0.0117475, "clip_loss_ci": [-0.00799389, 0.0319863], "latency_s": 0.226497, "latency_ci_s": [0.190298, 0.269582], "baseline_latency_s": 0.498206, "latencies_s": [0.218766, 0.245529, 0.216323], "baseline_latencies_s": [0.490081, 0.505345, 0.499311], "image_similarity": 0.949915, "psnr_db": 22.3289, "clip_score": 0.827114, "baseline_clip_score": 0.836946, "peak_memory_mib": null, "device_shared": false, "gpu_bound": null, "baseline_gpu_bound": null, "disturbed": [], "samples": 16, "stopped_early": false, "seconds": {"generate": 3.75591, "patch": 0.0798312, "score": 0.0813718, "baseline": 5.97899}}');
INSERT INTO "trial_user_attributes" VALUES(28,10,'point','{"cache_interval": 2, "cache_branch_id": 0, "gate_step": 8, "sp_interval": 1, "fi_interval": 1, "warm_up": 0}');
INSERT INTO "trial_user_attributes" VALUES(29,10,'duplicate_of','7');
INSERT INTO "trial_user_attributes" VALUES(30,10,'measurement','{"look": "confirmed", "speedup": 1.78498, "speedup_ci": [1.71084, 1.86233], "clip_loss": 0.0019874, "clip_loss_ci": [-0.0135713, 0.016331], "latency_s": 0.263636, "latency_ci_s": [0.258653, 0.268714], "baseline_latency_s": 0.470585, "latencies_s": [0.264979, 0.261317, 0.264628], "baseline_latencies_s": [0.475579, 0.463087, 0.473182], "image_similarity": 0.963446, "psnr_db": 23.1652, "clip_score": 0.835282, "baseline_clip_score": 0.836946, "peak_memory_mib": null, "device_shared": false, "gpu_bound": null, "baseline_gpu_bound": null, "disturbed": [], "samples": 16, "stopped_early": false, "seconds": {"generate": 4.09774, "patch": 0.0750137, "score": 0.070983, "baseline": 5.64744}}');
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
INSERT INTO "trial_values" VALUES(1,1,0,2.40030460824358593541e+00,'FINITE');
INSERT INTO "trial_values" VALUES(2,1,1,0.0404207707785144,'FINITE');
INSERT INTO "trial_values" VALUES(3,2,0,1.25123149158795032853e+00,'FINITE');
INSERT INTO "trial_values" VALUES(4,2,1,1.0461302471125916505e-02,'FINITE');
INSERT INTO "trial_values" VALUES(5,3,0,1.58467340863638583847e+00,'FINITE');
INSERT INTO "trial_values" VALUES(6,3,1,-6.54475274694947713183e-03,'FINITE');
INSERT INTO "trial_values" VALUES(7,4,0,2.23315377608243,'FINITE');
INSERT INTO "trial_values" VALUES(8,4,1,1.18596546737268618287e-01,'FINITE');
INSERT INTO "trial_values" VALUES(9,5,0,2.32738859047273294322e+00,'FINITE');
INSERT INTO "trial_values" VALUES(10,5,1,1.16987677186602360285e-02,'FINITE');
INSERT INTO "trial_values" VALUES(11,6,0,1.82180911383267174485e+00,'FINITE');
INSERT INTO "trial_values" VALUES(12,6,1,0.0090833520490956,'FINITE');
INSERT INTO "trial_values" VALUES(13,7,0,1.88012047064004961249e+00,'FINITE');
INSERT INTO "trial_values" VALUES(14,7,1,5.79965111479253513787e-03,'FINITE');
INSERT INTO "trial_values" VALUES(15,8,0,2.06059097325680484757e+00,'FINITE');
INSERT INTO "trial_values" VALUES(16,8,1,5.71588977814609881106e-03,'FINITE');
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
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-28 21:25:03.437226','2026-11-28 21:25:12.253521');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-28 21:25:12.267688','2026-11-28 21:25:25.492526');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-28 21:25:25.506310','2026-11-28 21:25:36.714064');
INSERT INTO "trials" VALUES(4,3,1,'COMPLETE','2026-11-28 21:25:36.726724','2026-11-28 21:25:47.230338');
INSERT INTO "trials" VALUES(5,4,1,'COMPLETE','2026-11-28 21:25:47.243846','2026-11-28 21:25:58.188874');
INSERT INTO "trials" VALUES(6,5,1,'COMPLETE','2026-11-28 21:25:58.204855','2026-11-28 21:26:09.625134');
INSERT INTO "trials" VALUES(7,6,1,'COMPLETE','2026-11-28 21:26:09.638326','2026-11-28 21:26:20.741129');
INSERT INTO "trials" VALUES(8,7,1,'COMPLETE','2026-11-28 21:26:20.753371','2026-11-28 21:26:30.924914');
INSERT INTO "trials" VALUES(9,8,1,'PRUNED','2026-11-28 21:26:39.068835','2026-11-28 21:26:49.002513');
INSERT INTO "trials" VALUES(10,9,1,'PRUNED','2026-11-28 21:26:49.019302','2026-11-28 21:26:58.945893');
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
CREATE INDEX ix_accelfront_hints_combination ON accelfront_hints (combination);
CREATE INDEX ix_accelfront_scripts_sha256 ON accelfront_scripts (sha256);
COMMIT;
