CREATE TABLE scored_requests (
    request_id VARCHAR(36) NOT NULL,
    scored_at TIMESTAMP WITH TIME ZONE NOT NULL,
    model_version INTEGER NOT NULL,
    cm_score FLOAT NOT NULL,
    spoof_probability FLOAT NOT NULL,
    verdict VARCHAR(16) NOT NULL,
    threshold FLOAT NOT NULL,
    duration_s FLOAT NOT NULL,
    windows INTEGER NOT NULL,
    features JSON NOT NULL,
    embedding_sketch JSON NOT NULL,
    audio_sha256 VARCHAR(64) NOT NULL,
    audio_key TEXT,
    source TEXT,
    speaker_id TEXT,
    PRIMARY KEY (request_id)
);
CREATE INDEX ix_scored_requests_scored_at ON scored_requests (scored_at);
CREATE TABLE shadow_looks (
    id SERIAL NOT NULL,
    shadow_id VARCHAR(36) NOT NULL,
    number INTEGER NOT NULL,
    looked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    model_version INTEGER NOT NULL,
    champion INTEGER NOT NULL,
    recordings JSON NOT NULL,
    gains JSON NOT NULL,
    e_value FLOAT NOT NULL,
    decision VARCHAR(16) NOT NULL,
    reason TEXT NOT NULL,
    acting_since TIMESTAMP WITH TIME ZONE,
    acted_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    CONSTRAINT one_look_at_a_time UNIQUE (shadow_id, number)
);
CREATE TABLE cycles (
    id VARCHAR(36) NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    heartbeat_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    running BOOLEAN,
    fencing_token INTEGER NOT NULL,
    outcome VARCHAR(16),
    summary JSON,
    PRIMARY KEY (id),
    UNIQUE (fencing_token)
);
CREATE UNIQUE INDEX one_running_cycle ON cycles (running);
CREATE TABLE comparisons (
    id SERIAL NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    set_name VARCHAR(32) NOT NULL,
    version VARCHAR(64) NOT NULL,
    cycle_id VARCHAR(36),
    bonafide INTEGER NOT NULL,
    spoof INTEGER NOT NULL,
    clusters INTEGER NOT NULL,
    level FLOAT NOT NULL,
    decision VARCHAR(16) NOT NULL,
    compared_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (run_id, set_name, version)
);
CREATE INDEX ix_comparisons_version ON comparisons (version);
CREATE TABLE audit_log (
    seq INTEGER NOT NULL,
    at VARCHAR(32) NOT NULL,
    event VARCHAR(32) NOT NULL,
    actor TEXT NOT NULL,
    document TEXT NOT NULL,
    key_id VARCHAR(16) NOT NULL,
    previous VARCHAR(64) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    signature VARCHAR(128) NOT NULL,
    PRIMARY KEY (seq),
    UNIQUE (previous),
    UNIQUE (hash)
);
CREATE OR REPLACE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'rows of audit_log are only ever added' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();
CREATE TABLE shadow_scores (
    request_id VARCHAR(36) NOT NULL,
    model_version INTEGER NOT NULL,
    scored_at TIMESTAMP WITH TIME ZONE NOT NULL,
    cm_score FLOAT NOT NULL,
    verdict VARCHAR(16) NOT NULL,
    threshold FLOAT NOT NULL,
    PRIMARY KEY (request_id, model_version),
    FOREIGN KEY(request_id) REFERENCES scored_requests (request_id)
);
CREATE INDEX ix_shadow_scores_model_version ON shadow_scores (model_version);
CREATE TABLE field_samples (
    id SERIAL NOT NULL,
    request_id VARCHAR(36) NOT NULL,
    state VARCHAR(16) NOT NULL,
    flagged_at TIMESTAMP WITH TIME ZONE NOT NULL,
    claimed_label VARCHAR(16) NOT NULL,
    claimed_attack_id VARCHAR(128),
    comment TEXT,
    audio_key TEXT,
    reviewed_at TIMESTAMP WITH TIME ZONE,
    reviewer VARCHAR(128),
    label VARCHAR(16),
    attack_id VARCHAR(128),
    dataset_revision VARCHAR(64),
    PRIMARY KEY (id),
    UNIQUE (request_id),
    FOREIGN KEY(request_id) REFERENCES scored_requests (request_id)
);
CREATE INDEX ix_field_samples_state ON field_samples (state);
CREATE TABLE cycle_requests (
    id SERIAL NOT NULL,
    requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
    trigger VARCHAR(16) NOT NULL,
    reason TEXT NOT NULL,
    cycle_id VARCHAR(36),
    PRIMARY KEY (id),
    FOREIGN KEY(cycle_id) REFERENCES cycles (id)
);
CREATE TABLE drift_checks (
    id SERIAL NOT NULL,
    checked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    model_version INTEGER,
    status VARCHAR(16) NOT NULL,
    report JSON NOT NULL,
    cycle_request_id INTEGER,
    PRIMARY KEY (id),
    FOREIGN KEY(cycle_request_id) REFERENCES cycle_requests (id)
);
