imsrig_library(digest_answer
  SOURCES scenarios/wic/answer.c
  LINK sip_msg crypto base PkgConfig::JANSSON)
imsrig_test(wic LINK digest_answer)
if(TARGET ws AND TARGET http)
  imsrig_library(wic
    SOURCES scenarios/wic/wic.c scenarios/wic/register.c scenarios/wic/web.c
    LINK digest_answer sip ws http net trace base)
endif()
