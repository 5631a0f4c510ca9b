imsrig_library(sip_msg
  SOURCES
    common/sip/header.c common/sip/msg.c common/sip/frame.c common/sip/edit.c
    common/sip/build.c common/sip/syntax.c common/sip/uri.c common/sip/name_addr.c
    common/sip/auth.c common/sip/script_field.c common/sip/check.c common/sip/register.c
  LINK base)
