imsrig_library(scenario
  SOURCES
    scenarios/player/expect.c scenarios/player/yaml.c scenarios/player/script.c
    scenarios/player/scope.c scenarios/player/step.c scenarios/player/message.c
    scenarios/player/fault.c scenarios/player/script_rig.c scenarios/player/variant.c
    scenarios/player/matrix.c
  LINK sip_msg cx_octets conf trace PkgConfig::FYAML PkgConfig::JANSSON)

# The judging half: messages, judge, collector, evidence.
imsrig_library(judging
  SOURCES
    scenarios/player/match.c scenarios/player/judge.c
    scenarios/player/judge_end.c scenarios/player/secret.c
    scenarios/player/verdict.c scenarios/player/collector.c scenarios/player/pcapng.c
    scenarios/player/ladder.c scenarios/player/evidence.c
  LINK scenario sip_msg cx_octets ws http trace base)

# The acting half: rig and actors.
imsrig_library(rig_parts
  SOURCES scenarios/player/process.c scenarios/player/rig_conf.c
  LINK base PkgConfig::FYAML PkgConfig::JANSSON)
imsrig_test(rig_parts LINK rig_parts)
if(TARGET ws)
  imsrig_library(acting
    SOURCES
      scenarios/player/rig.c scenarios/player/element.c scenarios/player/rig_lab.c scenarios/player/rig_calm.c
      scenarios/player/rig_reset.c scenarios/player/action.c scenarios/player/actor.c
      scenarios/player/actor_reply.c scenarios/player/actor_wic.c
      scenarios/player/actor_wic_web.c
      scenarios/player/actor_sip_peer.c scenarios/player/actor_ws_client.c
      scenarios/player/actor_https_client.c scenarios/player/actor_cx_peer.c
      scenarios/player/cx_put.c
    LINK rig_parts wic cx_octets admin_client sip ws http net ca crypto conf trace base
      PkgConfig::FYAML PkgConfig::JANSSON)
  target_compile_definitions(acting PRIVATE SCENARIOS_DIR="${CMAKE_SOURCE_DIR}/scenarios")
  imsrig_test(player_rig LINK acting judging)
  add_dependencies(test_player_rig node_sample)
endif()

# The run; links with the acting half, or with what a test puts in its place.
imsrig_library(playing
  SOURCES
    scenarios/player/run_main.c scenarios/player/session.c scenarios/player/pool.c
    scenarios/player/run.c scenarios/player/catalog.c
  LINK judging)
target_compile_definitions(playing PRIVATE SCENARIOS_DIR="${CMAKE_SOURCE_DIR}/scenarios")

# The command.
if(TARGET acting)
  add_executable(imsrig
    scenarios/player/main.c scenarios/player/up.c
    scenarios/player/up_print.c scenarios/player/user_ca.c scenarios/player/bench.c scenarios/player/bench_rig.c
    scenarios/player/bench_cpu.c
    scenarios/player/bench_sipp.c scenarios/player/bench_load.c
    scenarios/player/bench_register.c scenarios/player/bench_rounds.c
    scenarios/player/bench_direct.c scenarios/player/bench_token.c scenarios/player/bench_issue.c scenarios/player/bench_members.c scenarios/player/bench_memory.c
    scenarios/player/bench_start.c)
  target_link_libraries(imsrig PRIVATE playing acting hss_av web_password)
  target_compile_definitions(imsrig PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  # That the benches work; nothing is said about their figures. 2: SIPp is not here.
  add_test(NAME bench_works
    COMMAND imsrig bench register --users 1000 --connections 50 --seconds 1)
  set_tests_properties(bench_works PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 2)
endif()
imsrig_test(expect LINK scenario)
imsrig_test(script LINK scenario)
imsrig_test(judge LINK judging)
imsrig_test(pcapng LINK judging)
imsrig_test(collector LINK judging)
imsrig_test(run LINK playing)
imsrig_fuzz(expect LINK scenario)
imsrig_fuzz(message LINK judging)

# Every script against the real elements; under sanitizers it is run by hand.
if(TARGET imsrig AND NOT IMSRIG_ASAN AND NOT IMSRIG_TSAN)
  add_test(NAME scenarios COMMAND imsrig run --keep-going --out ${CMAKE_BINARY_DIR}/scenarios-run)
  set_tests_properties(scenarios PROPERTIES LABELS release TIMEOUT 300 RUN_SERIAL ON)
endif()
