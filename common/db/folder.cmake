imsrig_library(db SOURCES common/db/db.c LINK net PkgConfig::SQLITE)
imsrig_test(db SOURCES tests/unit/rig.c LINK db ca trace)
