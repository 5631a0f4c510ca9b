imsrig_library(sql SOURCES common/db/sql.c LINK base PkgConfig::SQLITE)
imsrig_library(db SOURCES common/db/db.c LINK sql net)
imsrig_test(db SOURCES tests/unit/rig.c LINK db ca trace)
