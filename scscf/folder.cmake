imsrig_library(scscf_state SOURCES scscf/user.c scscf/entities.c scscf/profile.c LINK sip_msg crypto PkgConfig::XML)
add_executable(scscf scscf/main.c scscf/register.c scscf/register_digest.c scscf/register_aka.c scscf/register_web.c scscf/failures.c
  scscf/register_trusted.c scscf/register_save.c scscf/deregister.c)
target_link_libraries(scscf PRIVATE scscf_state node sip cx)
imsrig_test(scscf_state LINK scscf_state)
