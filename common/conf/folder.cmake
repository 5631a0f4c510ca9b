imsrig_library(conf
  SOURCES common/conf/conf.c common/conf/document.c
  LINK base PkgConfig::FYAML)
imsrig_test(conf LINK conf)
