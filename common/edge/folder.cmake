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
imsrig_test(edge_flow SOURCES tests/unit/rig.c LINK sip ca)
add_dependencies(test_edge_flow epcscf waaf)
