imsrig_library(edge_parts
  SOURCES
    common/edge/binding.c common/edge/border.c common/edge/index.c common/edge/limit.c
    common/edge/mw.c common/edge/token.c
  LINK sip_msg base PkgConfig::JANSSON PkgConfig::OPENSSL)
imsrig_library(edge
  SOURCES
    common/edge/conf.c common/edge/front.c common/edge/refuse.c common/edge/register.c
    common/edge/request.c
  LINK edge_parts sip ws http conf)
imsrig_test(edge LINK edge_parts)
foreach(test edge_flow edge_roles)
  imsrig_test(${test} SOURCES tests/unit/edge_rig.c tests/unit/rig.c LINK sip ca admin_client)
  add_dependencies(test_${test} epcscf waaf)
  set_tests_properties(${test} PROPERTIES RESOURCE_LOCK edge) # the same addresses
endforeach()
