"""The groups of attacks and sources of `shared/corpus` that docs/generalisation.md holds out."""

ATTACK_GROUPS = (
    ("festival_hts", "flite_cg", "griffinlim_mel80"),
    ("svox_pico", "world_copy"),
    ("espeak_ng", "hibari"),
    ("festival_diphone", "lpc_vocoder"),
)
SOURCE_GROUPS = (
    ("asterisk_en", "asterisk_es", "tuxpaint_ca", "tuxpaint_es"),
    ("asterisk_fr", "asterisk_it", "tuxpaint_ru"),
    ("fotaq", "tuxpaint_bg", "tuxpaint_ro"),
    ("fillets_cs", "tuxpaint_fr"),
)
