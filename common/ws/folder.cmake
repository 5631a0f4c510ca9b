imsrig_library(ws
  SOURCES common/ws/feed.c common/ws/ws.c common/ws/handshake.c
  LINK http wslay)
imsrig_test(ws_feed LINK ws)
imsrig_test(ws SOURCES tests/unit/rig.c LINK ws ca)
imsrig_fuzz(ws_frames LINK ws)
