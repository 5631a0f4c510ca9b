imsrig_library(edge_parts
  SOURCES
    common/edge/binding.c common/edge/border.c common/edge/index.c common/edge/limit.c
    common/edge/mw.c common/edge/flow_token.c common/edge/token_book.c common/edge/revoked.c
    common/edge/introspect.c common/edge/conf.c
  LINK sip_msg conf crypto base PkgConfig::JANSSON PkgConfig::OPENSSL)
imsrig_library(edge
  SOURCES
    common/edge/admin.c common/edge/front.c common/edge/issuer.c common/edge/refuse.c
    common/edge/register.c common/edge/register_token.c common/edge/token_check.c common/edge/register_direct.c common/edge/request.c
    common/edge/tna.c common/edge/registrar.c
  LINK edge_parts sip ws http conf)
imsrig_test(edge LINK edge_parts)
imsrig_fuzz(issuer LINK edge_parts)
foreach(test edge_flow edge_roles edge_token edge_token_flow)
  imsrig_test(${test} SOURCES tests/unit/edge_rig.c tests/unit/edge_issuer.c tests/unit/rig.c
    LINK sip ca crypto http admin_client)
  add_dependencies(test_${test} epcscf waaf)
  set_tests_properties(${test} PROPERTIES RESOURCE_LOCK edge) # the same addresses
endforeach()
