imsrig_library(sip_msg
  SOURCES
    common/sip/header.c common/sip/msg.c common/sip/frame.c common/sip/edit.c
    common/sip/build.c common/sip/syntax.c common/sip/uri.c common/sip/name_addr.c
    common/sip/auth.c common/sip/script_field.c common/sip/check.c common/sip/register.c
    common/sip/entity.c common/sip/ere.c common/sip/wildcard.c
  LINK base)
imsrig_test(sip_msg LINK sip_msg)
imsrig_test(sip_field LINK sip_msg)
imsrig_test(rfc4475 SOURCES tests/unit/rfc4475_table.c LINK sip_msg)
imsrig_test(wildcard LINK sip_msg)
imsrig_fuzz(sip_msg LINK sip_msg)
imsrig_fuzz(sip_uri LINK sip_msg)
imsrig_fuzz(sip_auth LINK sip_msg)
imsrig_fuzz(wildcard LINK sip_msg)
if(NOT IMSRIG_FUZZ)
  add_test(NAME corpus_rfc4475 COMMAND fuzz_sip_msg ${CMAKE_SOURCE_DIR}/tests/data/rfc4475)
endif()

imsrig_library(sip
  SOURCES
    common/sip/stack.c common/sip/table.c common/sip/timer.c common/sip/transport.c
    common/sip/flow.c common/sip/via.c common/sip/server_tx.c common/sip/answer.c
    common/sip/client_tx.c common/sip/invite.c common/sip/send.c common/sip/forward.c
    common/sip/gate.c common/sip/fault.c common/sip/count.c
  LINK sip_msg base trace net http ws)
foreach(test sip_tx sip_forward sip_transport)
  imsrig_test(${test} SOURCES tests/unit/sip_rig.c tests/unit/rig.c LINK sip ca)
  set_tests_properties(${test} PROPERTIES RESOURCE_LOCK sip) # the same addresses
endforeach()
imsrig_fuzz(sip_stack LINK sip)
