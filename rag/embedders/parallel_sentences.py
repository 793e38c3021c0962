"""The same sentences in English and Chinese, on many subjects: by them an embedder's accent is measured.

Data only. They were written for this purpose; their order pairs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rag.language import Language

PARALLEL_SENTENCES: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": (
        "The train to the coast leaves at nine in the morning and arrives before noon.",
        "Wash the rice twice, then let it stand in cold water for half an hour.",
        "The company signed a contract with its new supplier last spring.",
        "Turn the power off before you open the cover of the machine.",
        "The doctor told her to rest for a week and to drink plenty of water.",
        "This river is the longest in the country and flows through six provinces.",
        "The program reads a file, counts its lines and prints the result.",
        "He was born in a small village and became a famous painter.",
        "Tenants have to give notice three months before they move out.",
        "The temperature falls quickly at night because the sky is clear.",
        "Students learn to solve equations with two unknowns in the eighth grade.",
        "The museum is closed on Mondays and on public holidays.",
        "The team won the match with a goal in the last minute.",
        "A larger memory lets the computer keep more data ready for use.",
        "The law protects the personal data of every citizen.",
        "Birds fly south in autumn, where they find more food.",
        "The password must have at least twelve characters.",
        "The price of the apartment depends on its size and on where it lies.",
        "The song was recorded in one night and sold a million copies.",
        "Please send the invoice to the address that is given below.",
        "The experiment was repeated ten times under the same conditions.",
        "The bridge was destroyed in the war and rebuilt five years later.",
        "If the network is slow, check the cable first and then the router.",
        "Her grandmother told stories about the sea every evening.",
    ),
    "zh": (
        "开往海边的火车早上九点出发，中午之前到达。",
        "把米淘洗两遍，然后在冷水里浸泡半个小时。",
        "公司去年春天与新的供应商签订了合同。",
        "打开机器的盖子之前，请先切断电源。",
        "医生让她休息一个星期，并多喝水。",
        "这条河是全国最长的河流，流经六个省份。",
        "程序读取一个文件，统计行数，然后输出结果。",
        "他出生在一个小村庄，后来成为著名的画家。",
        "租客搬走之前必须提前三个月通知。",
        "因为天空晴朗，夜里气温下降得很快。",
        "学生在八年级学习解含有两个未知数的方程。",
        "博物馆每逢星期一和法定节假日闭馆。",
        "球队凭借最后一分钟的进球赢得了比赛。",
        "更大的内存让计算机可以随时使用更多的数据。",
        "法律保护每一位公民的个人数据。",
        "鸟类在秋天飞往南方，那里有更多的食物。",
        "密码至少要有十二个字符。",
        "公寓的价格取决于面积和所在的位置。",
        "这首歌在一个晚上录制完成，卖出了一百万张。",
        "请把发票寄到下面给出的地址。",
        "实验在相同的条件下重复了十次。",
        "这座桥在战争中被毁，五年后重建。",
        "如果网络很慢，先检查网线，再检查路由器。",
        "她的祖母每天晚上都讲大海的故事。",
    ),
}
