imsrig_library(scenario
  SOURCES
    scenarios/player/expect.c scenarios/player/yaml.c scenarios/player/script.c
    scenarios/player/scope.c scenarios/player/step.c scenarios/player/message.c
    scenarios/player/fault.c scenarios/player/variant.c
  LINK conf trace PkgConfig::FYAML PkgConfig::JANSSON)

# The acting half: rig and actors.
imsrig_library(rig_parts
  SOURCES scenarios/player/process.c scenarios/player/rig_conf.c
  LINK base PkgConfig::FYAML PkgConfig::JANSSON)
imsrig_test(rig_parts LINK rig_parts)
if(TARGET node AND TARGET cx AND TARGET ws)
  imsrig_library(acting
    SOURCES
      scenarios/player/rig.c scenarios/player/rig_lab.c scenarios/player/rig_calm.c
      scenarios/player/rig_reset.c scenarios/player/action.c scenarios/player/actor.c
      scenarios/player/actor_reply.c scenarios/player/actor_wic.c
      scenarios/player/actor_sip_peer.c scenarios/player/actor_ws_client.c
      scenarios/player/actor_https_client.c scenarios/player/actor_cx_peer.c
      scenarios/player/up.c
    LINK rig_parts wic cx node sip ws http net ca crypto conf trace base
      PkgConfig::FYAML PkgConfig::JANSSON)
  target_compile_definitions(acting PRIVATE SCENARIOS_DIR="${CMAKE_SOURCE_DIR}/scenarios")
endif()
