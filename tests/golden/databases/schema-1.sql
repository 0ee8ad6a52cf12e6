BEGIN TRANSACTION;
CREATE TABLE accelfront_baselines (
	"key" VARCHAR(64) NOT NULL, 
	scores TEXT NOT NULL, 
	embeddings BLOB NOT NULL, 
	created_at DATETIME DEFAULT CURRENT_TIMESTAMP NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "accelfront_baselines" VALUES('c819349b93fd148a54b7f3dc3fd76a84d0b6b3c38446afe418bc9f2696f5b6ca','[0.8728481531143188, 0.8171389698982239]',X'57899F3D85727E3D75FFCC3CD55A173DA783DCBD935190BC2AF60D3D79E25DBD0759723D49B0CEBCB97290BC5A19EABD5063EEBC1A9A353D79BA1A3E69252EBECD7F8C3C08AFD1BD727334BD67E987BDFC9E01BDF00C89BD5682C3BD935558BDDE1FD7BC0442083EE77A57BCEA5D90BD93111C3E25C9293D07736FBC3F0A8DBD60A2573D6BADDF3C1ADB3FBDD21603BE70E4D0BBBDB705BDB83FFFBCE3B42F3DBDFD9F3DD1E5493DC82FB43DA76F8BBDBA89C6BDEDEC133E9F5F55BD025D143D0260FC3C18CC3D3DF71B29BD478D033E0FA61CBD011252BD130F99BCEDB4D9BD3E4F5CBC4A92B1BD30A9B33DB7EE963CFF113EBC3F33023E7D58423ECA7DC63CF41DAD3D797A093CAD34703D2DC6CE3D27660A3DE00B21BEE310DDBBBE22013E743635BC9A80503DC3F0CFBD7A4B80BDD9F4543E849882BDC28CA83D78A6F9BD3AEC5A3CD18B543E817B083E0EC7163D47AF0D3CF6BFFD3D0B6BD5BDB55809BB26A1A93D82AEFC3D038D223DC80A1DBE6141D53B503B7B3C7B12ADBB10686CBD63735BBDF978D6BD24EE34BECC9033BD6A7569BEF94CD2BC7825CCBD7DD85ABD15175A3E2028CDBD3689E6BD24ED6E3DE2110CBED9991F3CB943A03DAE69B3BBBA97073ED9AFC83D163FC23CFADB333D6F7BAABD1A267EBD57B5413D0FED82BD705F47BE41E1083EC3021EBD9AF055BC05A5903D6A6FA9BD430ABA3DBB0F81BD8D8EF93DE22613BEC26F7EBE9ECC4C3E49A0973D06EBF0BD2A7570BC2E9CD3BC557D2C3E7C024F3BDBA84BBE7B2B79BC89B2F53DE38E4E3C5D35363DF8BD46BCA68019BD30C43B3D06855B3C3F9852BD93E664BDA1A2213D3575873D8AE094BD7FBEA53DC342ABBD0A0FD23D3A9234BD279FFD3C98FACE3DFD60F4BD137DE03CD08781BD018980BD78CA4D3C03F11ABD11201ABE6CEC89BD78F41CBD5926923DF65FA1BCB4DD553E995E8EBB211908BDC638863CBDDDC43D993920BECE1411BD25379E3C4A000DBEA4C983BAE4C81CBD35E67EBDAB86613D4D1B14BE56ABE33D8E1085BA0E49F1BD2E28C73C37DE0B3C6ECB9DBC61E88DBD1D0F343D5FE9E2BD2711BBBC827432BCF484143ED1788F3C0315033E09F306BE03292F3E461AA6BC9C26DD3DB5D21D3C675990BD0FB25FBA66EA413C8A10223E1725A03D3766D3BD4AC5D9BC6AE2003E14EE44BDD4D1033E70E734BD8ABC50BD8ED8FD3CFE1496BDBF7A473D3140F13B51DD12BB7269323CBED2373D67027FBDD7ED363E6BF2C33DB4DAF93D61771A3ED1F093BC6EC45EBC22001D3DEC47EF3D8BCED8BBA258BBBD6535403B5033BFBDB68BB0BD4D59A7BCCE088A3D27B415BD578E40BE2B73333E827AF3BBEFD8443C09893D3D84D6543CE562BA3C05F399BA33D11C3D648A6FBD6C6D2C3EE2D2923D606159BDE90BB63DB36BE3BC77ADF93D5BE2BA3D6FAB32BC','2026-11-22 13:48:04');
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
INSERT INTO "accelfront_claims" VALUES(1,1,'cache_interval=4 cache_branch_id=2 gate_step=14 sp_interval=1 fi_interval=1 warm_up=0 ratio=0.6 max_downsample=4',0,'a host',5552,1795355087.02,'2026-11-22 13:48:05');
INSERT INTO "accelfront_claims" VALUES(2,1,'cache_interval=2 cache_branch_id=0 gate_step=17 sp_interval=1 fi_interval=1 warm_up=0 ratio=0.3 max_downsample=2',1,'a host',5552,1795355087.02,'2026-11-22 13:51:43');
INSERT INTO "accelfront_claims" VALUES(3,1,'cache_interval=3 cache_branch_id=3 gate_step=11 sp_interval=1 fi_interval=1 warm_up=0 ratio=0.6 max_downsample=2',2,'a host',5552,1795355087.02,'2026-11-22 13:54:36');
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
INSERT INTO "studies" VALUES(1,'tiny-shapes--DDIM--50--deepcache+tgate+tome--b137a08a');
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
INSERT INTO "study_system_attributes" VALUES(3,1,'dashboard:note_str:0','"| | |\n|---|---|\n| combination | tiny-shapes, DDIM, 50 steps, deepcache + tgate + tome |\n| bound at a loss budget of 50.0% | **1.56x** at a loss of -2.6%, trial 1 |\n| measured | 3 of 7200 points |\n| protocol | 2 prompts of prompts.txt@e01d63c4, in batches of 1, 64x64, guidance 12, float32, seed 0 |\n| scored by | embedded/scorer@cdadcd93 |\n| device | AMD EPYC (1 threads) |\n\nA trial''s picture shows the baseline above and the accelerated pipeline below, from the same prompts and seeds. A trial is `feasible` inside the loss budget.\n\nGo on with:\n```\naccelfront study \\\n  --pipeline tiny-shapes \\\n  --scheduler DDIM \\\n  --steps 50 \\\n  --methods deepcache,tgate,tome \\\n  --trials 6 \\\n  --num-samples 2 \\\n  --batch-size 1 \\\n  --device cpu \\\n  --storage sqlite:///accelfront.db\n```\n\n*Written by accelfront up to here; what is added below this line stays.*"');
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
INSERT INTO "study_user_attributes" VALUES(4,1,'environment','{"device": "AMD EPYC (1 threads)", "versions": {"python": "3.11.7", "driver": "", "torch": "2.14.1+cu130", "diffusers": "0.42.1", "transformers": "5.23.0", "DeepCache": "0.1.1", "tgate": "1.0.0", "tomesd": "0.1.3", "open_clip_torch": "3.3.0"}}');
INSERT INTO "study_user_attributes" VALUES(5,1,'loss_budget','0.5');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_heartbeats" VALUES(1,1,'2026-11-22 13:51:35.000000');
INSERT INTO "trial_heartbeats" VALUES(2,2,'2026-11-22 13:54:14.000000');
INSERT INTO "trial_heartbeats" VALUES(3,3,'2026-11-22 13:57:06.000000');
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
INSERT INTO "trial_system_attributes" VALUES(1,1,'constraints:clip_loss','-0.5167623645928219');
INSERT INTO "trial_system_attributes" VALUES(2,1,'artifacts:312b397c-94bc-4aa2-932b-1b26bdf5446f','"{\"artifact_id\": \"312b397c-94bc-4aa2-932b-1b26bdf5446f\", \"filename\": \"baseline-above-accelerated-below.webp\", \"mimetype\": \"image/webp\", \"encoding\": null}"');
INSERT INTO "trial_system_attributes" VALUES(3,2,'constraints:clip_loss','-0.5261212115889665');
INSERT INTO "trial_system_attributes" VALUES(4,2,'artifacts:2d440727-801a-4c54-8132-6075dc0a997d','"{\"artifact_id\": \"2d440727-801a-4c54-8132-6075dc0a997d\", \"filename\": \"baseline-above-accelerated-below.webp\", \"mimetype\": \"image/webp\", \"encoding\": null}"');
INSERT INTO "trial_system_attributes" VALUES(5,3,'constraints:clip_loss','-0.5266260209268917');
INSERT INTO "trial_system_attributes" VALUES(6,3,'artifacts:4e781d90-d271-4dd3-915a-d3cae525b82d','"{\"artifact_id\": \"4e781d90-d271-4dd3-915a-d3cae525b82d\", \"filename\": \"baseline-above-accelerated-below.webp\", \"mimetype\": \"image/webp\", \"encoding\": null}"');
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
INSERT INTO "trial_user_attributes" VALUES(3,1,'measurement','{"speedup": 1.5277, "speedup_ci": [0.534332, 4.3678], "clip_loss": -0.0167624, "clip_loss_ci": [-0.0252191, -0.00884542], "latency_s": 24.9426, "latency_ci_s": [8.68756, 71.6118], "baseline_latency_s": 38.1047, "latencies_s": [15.7123, 27.2737, 36.2109], "baseline_latencies_s": [37.965, 28.6422, 50.8797], "image_similarity": 0.973012, "psnr_db": 26.3718, "clip_score": 0.859158, "baseline_clip_score": 0.844994, "peak_memory_mib": null, "device_shared": false, "samples": 2, "stopped_early": false, "seconds": {"generate": 96.6726, "patch": 1.36776, "score": 0.394754, "baseline": 117.487, "sample": 0.455337, "store": 0.280132}}');
INSERT INTO "trial_user_attributes" VALUES(4,2,'point','{"cache_interval": 2, "cache_branch_id": 0, "gate_step": 17, "sp_interval": 1, "fi_interval": 1, "warm_up": 0, "ratio": 0.3, "max_downsample": 2}');
INSERT INTO "trial_user_attributes" VALUES(5,2,'feasible','true');
INSERT INTO "trial_user_attributes" VALUES(6,2,'measurement','{"speedup": 1.55553, "speedup_ci": [0.870255, 2.78044], "clip_loss": -0.0261212, "clip_loss_ci": [-0.0359371, -0.0169318], "latency_s": 18.3057, "latency_ci_s": [9.08099, 36.901], "baseline_latency_s": 28.4751, "latencies_s": [25.1577, 14.6796, 16.6101], "baseline_latencies_s": [33.5906, 29.8871, 22.9982], "image_similarity": 0.979055, "psnr_db": 26.9392, "clip_score": 0.867066, "baseline_clip_score": 0.844994, "peak_memory_mib": null, "device_shared": false, "samples": 2, "stopped_early": false, "seconds": {"generate": 84.2415, "patch": 0.779396, "score": 0.31045, "baseline": 86.476, "sample": 0.783683, "store": 0.103701}}');
INSERT INTO "trial_user_attributes" VALUES(7,3,'point','{"cache_interval": 3, "cache_branch_id": 3, "gate_step": 11, "sp_interval": 1, "fi_interval": 1, "warm_up": 0, "ratio": 0.6, "max_downsample": 2}');
INSERT INTO "trial_user_attributes" VALUES(8,3,'feasible','true');
INSERT INTO "trial_user_attributes" VALUES(9,3,'measurement','{"speedup": 1.25825, "speedup_ci": [0.811743, 1.95035], "clip_loss": -0.026626, "clip_loss_ci": [-0.0337879, -0.0199212], "latency_s": 19.903, "latency_ci_s": [15.1642, 26.1226], "baseline_latency_s": 25.0428, "latencies_s": [18.855, 18.5223, 22.5752], "baseline_latencies_s": [27.6946, 24.1936, 23.4398], "image_similarity": 0.975104, "psnr_db": 26.2103, "clip_score": 0.867492, "baseline_clip_score": 0.844994, "peak_memory_mib": null, "device_shared": false, "samples": 2, "stopped_early": false, "seconds": {"generate": 74.9154, "patch": 0.775053, "score": 0.367608, "baseline": 75.3281, "sample": 0.228543, "store": 0.288719}}');
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
INSERT INTO "trial_values" VALUES(1,1,0,1.52769599436448610951e+00,'FINITE');
INSERT INTO "trial_values" VALUES(2,1,1,-1.67623645928218732714e-02,'FINITE');
INSERT INTO "trial_values" VALUES(3,2,0,1.55553473030999178661e+00,'FINITE');
INSERT INTO "trial_values" VALUES(4,2,1,-2.61212115889664815704e-02,'FINITE');
INSERT INTO "trial_values" VALUES(5,3,0,1.25824585599106875122e+00,'FINITE');
INSERT INTO "trial_values" VALUES(6,3,1,-2.66260209268917372171e-02,'FINITE');
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
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-22 13:48:04.696828','2026-11-22 13:51:42.554533');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-22 13:51:43.034614','2026-11-22 13:54:35.940041');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-22 13:54:36.200476','2026-11-22 13:57:08.621079');
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
