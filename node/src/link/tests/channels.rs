//! The everyday use of a channel.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_come_in_order_and_both_ends_have_one_binding() {
    let (brand, bank) = pair();
    let (mut here, mut there) = channel(&brand, &bank).await;
    assert_eq!(here.binding(), there.binding());
    for number in 0..100u32 {
        let (sent, received) = tokio::join!(here.send(number.to_le_bytes().to_vec()), there.recv());
        sent.unwrap();
        assert_eq!(received.unwrap().unwrap(), number.to_le_bytes());
    }
    there.send(b"answer".to_vec()).await.unwrap();
    assert_eq!(here.recv().await.unwrap().unwrap(), b"answer");
    let (one, other) = tokio::join!(here.finish(), there.finish());
    one.unwrap();
    other.unwrap();
    assert_eq!(here.recv().await.unwrap(), None);
    assert_eq!(there.recv().await.unwrap(), None);
    assert_eq!((here.traffic().resent, there.traffic().messages_received), (0, 100));
}
