imsrig_library(digest_answer
  SOURCES scenarios/wic/answer.c scenarios/wic/card.c
  LINK sip_msg crypto base PkgConfig::JANSSON)
imsrig_test(card LINK digest_answer)
imsrig_library(forge
  SOURCES scenarios/wic/forge.c
  LINK base PkgConfig::OPENSSL PkgConfig::JANSSON)
if(TARGET ws AND TARGET http)
  imsrig_library(wic
    SOURCES
      scenarios/wic/wic.c scenarios/wic/register.c scenarios/wic/web.c scenarios/wic/signin.c
      scenarios/wic/page.c scenarios/wic/jar.c scenarios/wic/wsf.c
    LINK digest_answer forge sip ws http net trace base)
  imsrig_test(wic LINK wic)
endif()
