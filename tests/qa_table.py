"""The QA office's table as the old system left it, for tests and for what is measured."""

TABLE = """
CREATE TABLE qa_photo_reviews (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    drop_number TEXT UNIQUE NOT NULL,
    project TEXT,
    user_name VARCHAR(100),
    submitted_by TEXT,
    review_date TIMESTAMPTZ,
    whatsapp_message_date TIMESTAMPTZ,
    step_01_house_photo BOOLEAN DEFAULT false,
    step_02_cable_from_pole BOOLEAN DEFAULT false,
    step_03_cable_entry_outside BOOLEAN DEFAULT false,
    step_04_cable_entry_inside BOOLEAN DEFAULT false,
    step_05_wall_for_installation BOOLEAN DEFAULT false,
    step_06_ont_back_after_install BOOLEAN DEFAULT false,
    step_07_power_meter_reading BOOLEAN DEFAULT false,
    step_08_ont_barcode BOOLEAN DEFAULT false,
    step_09_ups_serial BOOLEAN DEFAULT false,
    step_10_final_installation BOOLEAN DEFAULT false,
    step_11_green_lights BOOLEAN DEFAULT false,
    step_12_customer_signature BOOLEAN DEFAULT false,
    incorrect_steps TEXT[],
    incorrect_comments JSONB,
    completed_photos INTEGER DEFAULT 0,
    outstanding_photos INTEGER DEFAULT 12,
    completed BOOLEAN DEFAULT false,
    incomplete BOOLEAN DEFAULT false,
    comment TEXT,
    feedback_sent TIMESTAMPTZ,
    locked_by TEXT,
    locked_at TIMESTAMPTZ,
    resubmitted BOOLEAN DEFAULT false,
    created_at TIMESTAMPTZ DEFAULT now(),
    updated_at TIMESTAMPTZ DEFAULT now()
)
"""

OLDER_TABLE = (
    TABLE.replace("    submitted_by TEXT,\n", "")
    .replace(
        "    incorrect_steps",
        "    step_13_site_clean BOOLEAN DEFAULT false,\n"
        "    step_14_signed_form BOOLEAN DEFAULT false,\n"
        "    incorrect_steps",
    )
    .replace("review_date TIMESTAMPTZ", "review_date DATE")
    .replace("TIMESTAMPTZ", "TIMESTAMP")
    .replace("outstanding_photos INTEGER DEFAULT 12", "outstanding_photos INTEGER DEFAULT 14")
)
"""Before it had submitted_by: fourteen steps, and times without a zone."""
