imsrig_library(waf
  SOURCES
    waaf/waf.c waaf/waf_admin.c waaf/waf_answer.c waaf/waf_authorize.c waaf/waf_conf.c waaf/waf_grant.c
    waaf/waf_introspect.c waaf/waf_live.c waaf/waf_metadata.c waaf/waf_page.c
    waaf/waf_pool.c waaf/waf_revoke.c waaf/waf_sign_in.c waaf/waf_token.c waaf/waf_users.c waaf/waf_wwsf.c
  LINK node http crypto sip)
imsrig_embed(waf waaf/page/style.css)
imsrig_library(registration_body SOURCES waaf/registration_body.c LINK crypto)
imsrig_fuzz(registration_body LINK registration_body)
imsrig_library(ranges
  SOURCES
    waaf/range.c waaf/range_conf.c waaf/range_store.c waaf/registration_w4.c
    waaf/wildcard_member.c waaf/wildcard_registration.c
  LINK registration_body waf edge db sip crypto)
imsrig_test(range_parts LINK ranges)
imsrig_embed(ranges waaf/schema.sql)
add_executable(waaf waaf/main.c waaf/conf.c waaf/wss_digest.c)
target_link_libraries(waaf PRIVATE ranges waf edge node sip)
foreach(test waf waf_authorize waf_pool)
  imsrig_test(${test} SOURCES tests/unit/waf_rig.c tests/unit/rig.c LINK waf ca)
  set_tests_properties(${test} PROPERTIES RESOURCE_LOCK waf) # the same addresses
endforeach()
foreach(test wildcard_registration wildcard_member)
  imsrig_test(${test}
    SOURCES tests/unit/range_rig.c tests/unit/edge_rig.c tests/unit/edge_issuer.c tests/unit/rig.c
    LINK sip ca crypto http admin_client PkgConfig::SQLITE)
  add_dependencies(test_${test} waaf)
  set_tests_properties(${test} PROPERTIES RESOURCE_LOCK edge TIMEOUT 400) # the same addresses
endforeach()
