imsrig_library(wsf_ask SOURCES epcscf/wsf_ask.c LINK sip_msg crypto)
imsrig_fuzz(wsf_ask LINK wsf_ask)
imsrig_library(wsf
  SOURCES
    epcscf/wsf.c epcscf/wsf_conf.c epcscf/wsf_digest.c epcscf/wsf_login.c epcscf/wsf_register.c
    epcscf/wsf_session.c epcscf/wsf_socket.c epcscf/wsf_store.c
  LINK wsf_ask edge db http crypto)
imsrig_embed(wsf epcscf/wsf_schema.sql)
add_executable(epcscf epcscf/main.c epcscf/conf.c epcscf/register.c epcscf/pcscf.c epcscf/ibcf.c epcscf/plain.c)
target_link_libraries(epcscf PRIVATE wsf edge node sip)
imsrig_test(wsf_parts LINK wsf)
imsrig_test(wsf SOURCES tests/unit/edge_rig.c tests/unit/rig.c LINK sip ca crypto http admin_client sql)
add_dependencies(test_wsf epcscf)
set_tests_properties(wsf PROPERTIES RESOURCE_LOCK edge) # the same addresses
