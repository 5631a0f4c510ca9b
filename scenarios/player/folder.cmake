imsrig_library(scenario
  SOURCES
    scenarios/player/expect.c scenarios/player/yaml.c scenarios/player/script.c
    scenarios/player/scope.c scenarios/player/step.c scenarios/player/message.c
    scenarios/player/fault.c scenarios/player/variant.c
  LINK conf trace PkgConfig::FYAML PkgConfig::JANSSON)
