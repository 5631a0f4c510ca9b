imsrig_library(wwsf_parts
  SOURCES
    wwsf/wwsf.c wwsf/conf.c wwsf/page.c wwsf/api.c wwsf/identity_db.c wwsf/assignment.c
    wwsf/login.c wwsf/session.c wwsf/token.c wwsf/token_give.c
    wwsf/waf_client.c wwsf/signin.c wwsf/w4.c wwsf/registration.c wwsf/registration_answer.c
  LINK http crypto conf sql net base PkgConfig::JANSSON)
imsrig_embed(wwsf_parts wwsf/schema.sql wwsf/page/index.html wwsf/page/style.css)
include(wwsf/page/page.cmake)

add_executable(wwsf wwsf/main.c)
target_link_libraries(wwsf PRIVATE wwsf_parts node)

# What `imsrig web-password` is made of.
imsrig_library(web_password SOURCES wwsf/web_password.c LINK crypto)

imsrig_library(wwsf_rig SOURCES tests/unit/rig.c tests/unit/wwsf_rig.c
  LINK wwsf_parts ca cmocka)
foreach(test wwsf wwsf_waf wwsf_assignment wwsf_registration)
  imsrig_test(${test} LINK wwsf_rig)
  set_tests_properties(${test} PROPERTIES RESOURCE_LOCK wwsf) # the same addresses
endforeach()
imsrig_fuzz(w4_answer LINK wwsf_parts)
