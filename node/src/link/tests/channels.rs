use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_come_in_order_and_both_ends_have_one_binding() {
    logs();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_killed_from_either_side_costs_one_message_at_most() {
    logs();
    let (brand, bank) = pair();
    let (here, there) = channel(&brand, &bank).await;
    let ((mut sender, _replies), (_unused, mut receiver)) = (here.split(), there.split());
    let messages = 60u32;
    let sending = async {
        for number in 0..messages {
            sender.send(vec![number as u8; 1 << 20]).await.unwrap();
        }
        sender.finish().await.unwrap();
        sender.traffic()
    };
    let receiving = async {
        for number in 0..messages {
            let message = receiver.recv().await.unwrap().unwrap();
            assert_eq!(message, vec![number as u8; 1 << 20]);
        }
        receiver.recv().await.unwrap()
    };
    let killing = async {
        let mut kills = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let (node, other) = if kills % 2 == 0 { (&brand, &bank) } else { (&bank, &brand) };
            node.link.disconnect(other.id());
            kills += 1;
        }
    };
    let both = async { tokio::join!(sending, receiving) };
    let (traffic, last) = tokio::select! { done = within(FAR, both) => done, never = killing => never };
    assert_eq!(last, None);
    println!("{traffic:?}");
}
